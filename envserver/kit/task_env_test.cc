#include "envserver/kit/task_env.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "BulletCollision/CollisionShapes/btSphereShape.h"
#include "common/config/config.h"
#include "common/render/renderer.h"
#include "envserver/kit/register_task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A ball of 1 kg on a vertical slider.
std::shared_ptr<const BodyModel> Ball() {
  auto model = std::make_shared<BodyModel>();
  LinkModel ball;
  ball.name = "ball";
  ball.joint_type = JointType::kPrismatic;
  ball.axis = btVector3(0, 0, 1);
  ball.mass = 1;
  ball.shape = std::make_shared<btSphereShape>(0.1);
  ball.inertia_diagonal = btVector3(0.004, 0.004, 0.004);
  SceneShape look;
  look.kind = SceneShape::Kind::kSphere;
  look.size = {0.1, 0, 0};
  ball.looks = {look};
  model->links = {ball};
  return model;
}

constexpr int kWidthPx = 48;
constexpr int kHeightPx = 40;

// Lifts the ball with a force. Its hooks can be made to misbehave.
class Lift : public Task {
 public:
  struct Config {
    double start_m = 1;
    std::string fault = "none";
    bool sees = false;
    std::string mirror = "none";
    double force_max_n = 0;
    void Visit(ConfigVisitor& v) {
      v.Field("start_m", start_m, "Height at the start.", AtLeast(0.0));
      v.Field("fault", fault, "What goes wrong.",
              OneOf({"none", "unwritten", "too_many", "no_action", "twice", "bad_name", "throws",
                     "bad_camera", "bad_picture", "picture_goal", "writes_picture", "half_mirror",
                     "no_action_mirror", "short_mirror", "unwritten_action", "discrete"}));
      v.Field("mirror", mirror, "How the mirror image is declared: up becomes down.",
              OneOf({"none", "fields", "joined"}));
      v.Field("sees", sees, "Observes a picture.");
      v.Field("force_max_n", force_max_n, "Of the force that is executed; 0: as asked, unsaid.");
    }
  };

  explicit Lift(const Config& config) : config_(config) {}

  void Build(TaskBuilder& task) override {
    if (config_.fault == "throws") throw std::runtime_error("the ball is lost");
    task.SetTime(0.01, /*physics_steps=*/4, /*horizon_s=*/2);
    BodyOptions options;
    options.fixed_base = true;
    options.motors = false;
    options.linear_damping = options.angular_damping = 0;
    ball_ = task.AddBody(Ball(), options);
    if (config_.fault == "discrete") {
      task.SetDiscreteAction(3);
    } else if (config_.fault != "no_action") {
      task.SetAction(1, -20, 20);
    }
    if (config_.force_max_n > 0) task.ReportsExecutedAction();
    motion_ = task.AddField("motion", 2);
    start_ = task.AddField(config_.fault == "twice" ? "motion" : "start", 1);
    if (config_.mirror != "none") DeclareMirror(task);
    height_ = task.AddReward("height", 2);
    force_cost_ = task.AddReward(config_.fault == "bad_name" ? "Force" : "force", -0.5);
    fell_ = task.AddTermination("fell", /*reward=*/-10);
    top_ = task.AddMetric("top_m", v1::MetricSpec::AGGREGATION_LAST);
    gain_ = task.AddParameter("gain", 0, 2, 1);
    task.ReportsSuccess();
    if (config_.sees) {
      SceneCamera camera;
      camera.position = {0, -6, 1};
      camera.target = {0, 0, 1};
      camera.width_px = config_.fault == "bad_picture" ? 0 : kWidthPx;
      camera.height_px = kHeightPx;
      eye_ = task.AddPictureField("eye", camera);
      if (config_.fault == "picture_goal") task.SetGoal(start_, eye_);
    }
    if (config_.fault == "bad_camera") {
      SceneCamera camera;
      camera.name = "wide";
      camera.width_px = 5000;
      task.AddCamera(camera);
    }
  }

  void Reset() override {
    ball_->SetJoints({config_.start_m + rng().Uniform(-0.1, 0.1)}, {0});
    top_m_ = ball_->joint_position(0);
  }
  void Act(absl::Span<const float> action) override {
    force_ = parameter(gain_) * action[0];
    if (config_.force_max_n > 0) force_ = std::min(force_, config_.force_max_n);
  }
  void ExecutedAction(absl::Span<float> out) override {
    if (config_.fault != "unwritten_action") out[0] = static_cast<float>(force_);
  }
  void Substep() override {
    ball_->AddJointForce(0, force_);
    ++substeps;
  }
  void Observe(ObservationWriter& out) override {
    if (config_.fault != "unwritten") out.Write(motion_, {Height(), ball_->joint_velocity(0)});
    if (config_.fault == "too_many") out.Write(start_, {1, 2});
    if (config_.fault == "writes_picture") out.Write(eye_, 1);
    out.Write(start_, config_.start_m);
    if (config_.fault == "unwritten") out[motion_][0] = 1;
  }
  void Reward(RewardTerms& out) override {
    out.Add(height_, Height() / 2);
    out.Add(height_, Height() / 2);
    out.Add(force_cost_, std::abs(force_));
  }
  Termination Terminated() override {
    top_m_ = std::max(top_m_, Height());
    return Height() < 0 ? fell_ : Termination();
  }
  bool Success() override { return Height() > 1.5; }
  void Report(MetricValues& out) override { out.Set(top_, top_m_); }
  void Keep(StateArchive& state) override { state.Keep(top_m_); }

  int substeps = 0;

 private:
  double Height() const { return ball_->joint_position(0); }

  void DeclareMirror(TaskBuilder& task) {
    if (config_.mirror == "joined") {
      task.SetMirror({{{0, 1, 2}, {-1, 1, -1}}, {{0}, {-1}}});
      return;
    }
    if (config_.fault != "no_action_mirror") task.SetActionMirror({0}, {-1});
    // The last field first: the order is free.
    task.SetMirror(start_, {0}, {-1});
    if (config_.fault == "short_mirror") task.SetMirror(motion_, {0}, {-1});
    if (config_.fault != "half_mirror") task.SetMirror(motion_, {0, 1}, {-1, -1});
  }

  const Config config_;
  Body* ball_ = nullptr;
  Field motion_, start_, eye_;
  RewardTerm height_, force_cost_;
  Termination fell_;
  Metric top_;
  Parameter gain_;
  double force_ = 0;
  double top_m_ = 0;
};

class TaskEnvTest : public testing::Test {
 protected:
  absl::Status Make(const EnvConfig& config) {
    EnvRegistry registry;
    EXPECT_TRUE(RegisterTask<Lift>(registry, "lift", "Lift a ball.").ok());
    auto made = registry.Make("lift", config);
    if (!made.ok()) return made.status();
    env_ = *std::move(made);
    return absl::OkStatus();
  }
  TaskEnv& env() { return static_cast<TaskEnv&>(*env_); }
  std::vector<float> Metrics() {
    std::vector<float> metrics(env_->spec().metrics.size());
    env_->ReadMetrics(absl::MakeSpan(metrics));
    return metrics;
  }

  std::unique_ptr<Env> env_;
  std::vector<float> motion_ = std::vector<float>(2);
  std::vector<float> start_ = std::vector<float>(1);
  std::vector<uint8_t> eye_ = std::vector<uint8_t>(kHeightPx * kWidthPx * 3);
  Observation observation_{{absl::MakeSpan(reinterpret_cast<uint8_t*>(motion_.data()), 8),
                            absl::MakeSpan(reinterpret_cast<uint8_t*>(start_.data()), 4),
                            absl::MakeSpan(eye_)}};
};

TEST_F(TaskEnvTest, TheSpecIsWhatBuildDeclared) {
  ASSERT_TRUE(Make({}).ok());
  const EnvSpec& spec = env_->spec();
  EXPECT_EQ(spec.id, "lift");
  EXPECT_EQ(spec.horizon, 50);
  EXPECT_DOUBLE_EQ(spec.control_period_s, 0.04);
  ASSERT_EQ(spec.observation.size(), 2);
  EXPECT_EQ(spec.observation[0].name, "motion");
  std::vector<std::string> metrics;
  for (const MetricSpec& metric : spec.metrics) metrics.push_back(metric.name);
  EXPECT_THAT(metrics, ElementsAre("reward/height", "reward/force", "terminated/fell", "top_m"));
  EXPECT_EQ(spec.parameters[0].name, "gain");
  EXPECT_TRUE(spec.saves_state);
  EXPECT_TRUE(spec.reports_success);
}

TEST_F(TaskEnvTest, AMirrorIsDeclaredFieldByFieldOrAtOnce) {
  ASSERT_TRUE(Make({}).ok());
  EXPECT_FALSE(env_->spec().mirror.has_value());
  ASSERT_TRUE(Make({{"mirror", "fields"}}).ok());
  const MirrorSpec mirror = *env_->spec().mirror;
  EXPECT_THAT(mirror.observation.source, ElementsAre(0, 1, 2));
  EXPECT_THAT(mirror.observation.sign, ElementsAre(-1, -1, -1));
  EXPECT_THAT(mirror.action.sign, ElementsAre(-1));
  ASSERT_TRUE(Make({{"mirror", "joined"}}).ok());
  EXPECT_THAT(env_->spec().mirror->observation.sign, ElementsAre(-1, 1, -1));
  EXPECT_THAT(Make({{"mirror", "fields"}, {"fault", "half_mirror"}}).message(),
              HasSubstr("declares a mirror image, but not of field 'motion'"));
  EXPECT_THAT(Make({{"mirror", "fields"}, {"fault", "no_action_mirror"}}).message(),
              HasSubstr("must call SetActionMirror"));
  EXPECT_THAT(Make({{"mirror", "fields"}, {"fault", "short_mirror"}}).message(),
              HasSubstr("SetMirror got 1 sources and 1 signs for the 2 elements of field "
                        "'motion'"));
}

TEST_F(TaskEnvTest, AStepRunsThePhysicsStepsAndSumsTheWeightedTerms) {
  ASSERT_TRUE(Make({}).ok());
  env_->Reset(1, observation_);
  const StepResult step = env_->Step({12.0f}, observation_);
  EXPECT_EQ(static_cast<Lift&>(env().task()).substeps, 4);
  const std::vector<float> metrics = Metrics();
  EXPECT_FLOAT_EQ(metrics[0], 2 * motion_[0]);
  EXPECT_FLOAT_EQ(metrics[1], -0.5f * 12);
  EXPECT_FLOAT_EQ(step.reward, metrics[0] + metrics[1]);
  EXPECT_FALSE(step.terminated);
}

TEST_F(TaskEnvTest, TheExecutedActionIsTheTasksToSayAndStaysWithinTheBounds) {
  ASSERT_TRUE(Make({}).ok());
  EXPECT_FALSE(env_->spec().reports_executed_action);
  ASSERT_TRUE(Make({{"force_max_n", "15"}}).ok());
  EXPECT_TRUE(env_->spec().reports_executed_action);
  const auto executed = [this](float asked) {
    env_->Step({asked}, observation_);
    float action = NAN;
    env_->ReadExecutedAction(absl::MakeSpan(&action, 1));
    return action;
  };
  env_->Reset(1, observation_);
  EXPECT_EQ(executed(12), 12);
  EXPECT_EQ(executed(20), 15);
  env_->SetParameters({2.0});
  env_->Reset(1, observation_);
  EXPECT_EQ(executed(-18), -20) << "-36 N are beyond the action's bounds";
  EXPECT_THAT(Make({{"force_max_n", "15"}, {"fault", "discrete"}}).message(),
              HasSubstr("reports_executed_action is set, but the action is one of 3 choices"));
  ASSERT_TRUE(Make({{"force_max_n", "15"}, {"fault", "unwritten_action"}}).ok());
  env_->Reset(1, observation_);
  try {
    env_->Step({1.0f}, observation_);
    FAIL();
  } catch (const TaskError& error) {
    EXPECT_STREQ(error.what(), "ExecutedAction left [0] unwritten");
  }
}

TEST_F(TaskEnvTest, WeightsComeFromTheConfig) {
  ASSERT_TRUE(Make({{"reward.height", "0"}, {"reward.force", "-1"}}).ok());
  env_->Reset(1, observation_);
  EXPECT_FLOAT_EQ(env_->Step({12.0f}, observation_).reward, -12);
}

TEST_F(TaskEnvTest, AnEndingNamesItsCauseAndAddsItsReward) {
  ASSERT_TRUE(Make({{"start_m", "0.2"}}).ok());
  env_->Reset(1, observation_);
  StepResult step;
  for (int t = 0; t < 50 && !step.terminated; ++t) step = env_->Step({0.0f}, observation_);
  ASSERT_TRUE(step.terminated);
  EXPECT_LT(motion_[0], 0);
  EXPECT_EQ(Metrics()[2], 1);
  EXPECT_FLOAT_EQ(step.reward, 2 * motion_[0] - 10);
}

TEST_F(TaskEnvTest, AParameterHoldsFromTheNextEpisodeOn) {
  ASSERT_TRUE(Make({}).ok());
  const auto force_cost = [this] {
    env_->Step({10.0f}, observation_);
    return Metrics()[1];
  };
  env_->Reset(1, observation_);
  env_->SetParameters({2.0});
  EXPECT_FLOAT_EQ(force_cost(), -5);
  env_->Reset(2, observation_);
  EXPECT_FLOAT_EQ(force_cost(), -10);
  env_->Reset(3, observation_);
  EXPECT_FLOAT_EQ(force_cost(), -10);
}

TEST_F(TaskEnvTest, ARestoredStateHasTheMembersThatKeepNames) {
  ASSERT_TRUE(Make({}).ok());
  env_->Reset(1, observation_);
  for (int t = 0; t < 5; ++t) env_->Step({20.0f}, observation_);
  std::string state;
  ASSERT_TRUE(env_->SaveState(&state).ok());
  const float top = Metrics()[3];
  env_->Reset(2, observation_);
  ASSERT_TRUE(env_->RestoreState(state).ok());
  EXPECT_EQ(Metrics()[3], top);
  env_->Step({-20.0f}, observation_);
  EXPECT_GE(Metrics()[3], top);
}

TEST_F(TaskEnvTest, ATaskIsSeenByACameraThatHasItInViewAndItsPictureShowsWhereItIs) {
  ASSERT_TRUE(Make({}).ok());
  ASSERT_EQ(env().scene()->cameras.size(), 1);
  EXPECT_EQ(env().scene()->cameras[0].name, "default");
  const RenderSpec size = *env().spec().render;
  EXPECT_EQ(size.width_px, 640);
  EXPECT_EQ(size.height_px, 480);
  const auto draw = [&] {
    std::vector<uint8_t> rgb(size.width_px * size.height_px * 3);
    const absl::Status status = env().Render(absl::MakeSpan(rgb));
    EXPECT_TRUE(status.ok()) << status;
    return rgb;
  };
  env().Reset(1, observation_);
  const std::vector<uint8_t> first = draw();
  EXPECT_EQ(draw(), first) << "drawing changes nothing";
  env().Step({20.0f}, observation_);
  EXPECT_NE(draw(), first);
}

// Row of the picture's pixels that differ from those of `empty`, on average.
double MeanRow(const std::vector<uint8_t>& picture, const std::vector<uint8_t>& empty) {
  double sum = 0;
  int count = 0;
  for (size_t i = 0; i < picture.size(); ++i) {
    if (picture[i] == empty[i]) continue;
    sum += static_cast<double>(i / (kWidthPx * 3));
    ++count;
  }
  return sum / count;
}

TEST_F(TaskEnvTest, APictureFieldIsWhatItsCameraSeesNow) {
  ASSERT_TRUE(Make({{"sees", "true"}}).ok());
  const FieldSpec& field = env().spec().observation[2];
  EXPECT_EQ(field.name, "eye");
  EXPECT_EQ(field.dtype, v1::DTYPE_UINT8);
  EXPECT_THAT(field.shape, ElementsAre(kHeightPx, kWidthPx, 3));
  EXPECT_THAT(field.high, ElementsAre(255));
  // Viewers have it, and still see the whole task first.
  const std::vector<SceneCamera>& cameras = env().scene()->cameras;
  ASSERT_EQ(cameras.size(), 2);
  EXPECT_EQ(cameras[0].name, "default");
  EXPECT_EQ(cameras[1].name, "eye");
  EXPECT_EQ(env().spec().render->width_px, 640);

  const auto picture_at = [this](const std::string& start_m) {
    EXPECT_TRUE(Make({{"sees", "true"}, {"start_m", start_m}}).ok());
    env_->Reset(1, observation_);
    return eye_;
  };
  const std::vector<uint8_t> empty = picture_at("30");
  const std::vector<uint8_t> low = picture_at("0.5");
  const std::vector<uint8_t> high = picture_at("1.5");
  EXPECT_GT(MeanRow(low, empty), kHeightPx / 2 + 2);
  EXPECT_LT(MeanRow(high, empty), kHeightPx / 2 - 2);
  // The same seed gives the same picture, and a step another one.
  EXPECT_EQ(picture_at("1.5"), high);
  env_->Step({20.0f}, observation_);
  const std::vector<uint8_t> stepped = eye_;
  std::vector<uint8_t> drawn(stepped.size());
  SceneView view;
  env_->ReadView(view);
  ASSERT_TRUE(Renderer::SharedForObservations()
                  .Draw(*env_->scene(), view, env_->scene()->cameras[1], absl::MakeSpan(drawn))
                  .ok());
  EXPECT_NE(stepped, high);
  EXPECT_EQ(stepped, drawn);
}

TEST_F(TaskEnvTest, PicturesAreLeftToTheEnvironmentAndAreNoGoals) {
  ASSERT_TRUE(Make({{"sees", "true"}, {"fault", "writes_picture"}}).ok());
  EXPECT_THROW(env_->Reset(1, observation_), TaskError);
  EXPECT_THAT(Make({{"sees", "true"}, {"fault", "picture_goal"}}).message(),
              HasSubstr("the field 'eye', which is a picture"));
  EXPECT_THAT(Make({{"sees", "true"}, {"fault", "bad_picture"}}).message(),
              HasSubstr("env lift: camera 'eye': the picture is 0 x 40 pixels"));
}

TEST_F(TaskEnvTest, AnElementThatObserveLeavesIsAnErrorThatNamesIt) {
  ASSERT_TRUE(Make({{"fault", "unwritten"}}).ok());
  try {
    env_->Reset(1, observation_);
    FAIL() << "not noticed";
  } catch (const TaskError& e) {
    EXPECT_THAT(e.what(), HasSubstr("'motion' unwritten at [1]"));
  }
}

TEST_F(TaskEnvTest, TooManyValuesAreAnErrorThatNamesTheField) {
  ASSERT_TRUE(Make({{"fault", "too_many"}}).ok());
  EXPECT_THROW(env_->Reset(1, observation_), TaskError);
}

TEST_F(TaskEnvTest, WhatBuildGetsWrongIsRefusedInOneSentence) {
  EXPECT_THAT(Make({{"fault", "no_action"}}).message(), HasSubstr("Build must call SetAction"));
  EXPECT_THAT(Make({{"fault", "twice"}}).message(), HasSubstr("'motion' is named twice"));
  EXPECT_THAT(Make({{"fault", "bad_name"}}).message(), HasSubstr("'reward/Force'"));
  EXPECT_THAT(Make({{"fault", "throws"}}).message(), HasSubstr("env lift: the ball is lost"));
  EXPECT_THAT(Make({{"fault", "bad_camera"}}).message(),
              HasSubstr("env lift: camera 'wide': the picture is 5000 x 480 pixels"));
  EXPECT_THAT(Make({{"reward.hieght", "1"}}).message(),
              HasSubstr("unknown key 'reward.hieght'; its reward terms are height, force"));
  EXPECT_THAT(Make({{"reward.height", "much"}}).message(), HasSubstr("expected a number"));
  EXPECT_THAT(Make({{"start_m", "-1"}}).message(), HasSubstr("start_m"));
}

TEST_F(TaskEnvTest, KeysListTheTasksOwnAndTheWeights) {
  EnvRegistry registry;
  ASSERT_TRUE(RegisterTask<Lift>(registry, "lift", "Lift a ball.").ok());
  std::vector<std::string> keys;
  for (const KeyDescription& key : registry.keys("lift")) keys.push_back(key.key + "=" + key.value);
  EXPECT_THAT(keys, ElementsAre("start_m=1", "fault=none", "mirror=none", "sees=false",
                                "force_max_n=0", "reward.height=2", "reward.force=-0.5"));
}

}  // namespace
}  // namespace armature
