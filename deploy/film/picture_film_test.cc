#include "deploy/film/picture_film.h"

#include <vector>

#include "common/files/testing/test_path.h"
#include "common/tensor/packed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

v1::Frame Frame(uint32_t slot, int64_t height, int64_t width) {
  v1::Frame frame;
  frame.set_slot(slot);
  const std::vector<uint8_t> rgb(height * width * 3);
  SetTensor<uint8_t>({height, width, 3}, rgb, frame.mutable_rgb());
  return frame;
}

TEST(PictureFilmTest, APictureOfNoSlotOrOfAnotherSizeIsRefused) {
  EnvSpec spec;
  spec.id = "picture";
  spec.render = RenderSpec();
  spec.render->width_px = 8;
  spec.render->height_px = 6;
  FilmOptions options;
  options.paths = {NewTestPath(".gif")};
  auto film = PictureFilm::Create(options, spec, /*environments=*/2);
  ASSERT_TRUE(film.ok()) << film.status();
  EXPECT_EQ((*film)->OnPicture(Frame(1, 6, 8)), absl::OkStatus());
  EXPECT_EQ((*film)->OnPicture(Frame(2, 6, 8)),
            absl::InvalidArgumentError("a picture is of slot 2; there are 2"));
  for (const v1::Frame& frame : {Frame(0, 8, 6), Frame(0, 7, 8), v1::Frame()}) {
    const absl::Status status = (*film)->OnPicture(frame);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("picture of slot 0"));
  }
}

}  // namespace
}  // namespace armature
