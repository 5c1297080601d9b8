#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/rpc/acceptor.h"
#include "common/rpc/private_folder.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class UnixSocket : public testing::Test {
 protected:
  Address Socket(const std::string& name) { return *ParseAddress(folder_->SocketAddress(name)); }

  std::unique_ptr<PrivateFolder> folder_ = *PrivateFolder::Make();
};

// Whether anybody listens there.
bool Connect(const Address& address) {
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  address.socket_path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0;
  close(fd);
  return connected;
}

TEST_F(UnixSocket, OnlyItsUserMayConnectAndItIsRemovedAtTheEnd) {
  const Address address = Socket("own");
  absl::Notification connected;
  {
    Acceptor acceptor;
    ASSERT_TRUE(acceptor
                    .Listen(address,
                            [&connected](int fd) {
                              close(fd);
                              connected.Notify();
                            })
                    .ok());
    struct stat found;
    ASSERT_EQ(stat(address.socket_path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode, S_IFSOCK | 0600U);
    acceptor.Start();
    EXPECT_TRUE(Connect(address));
    connected.WaitForNotification();
  }
  EXPECT_NE(access(address.socket_path.c_str(), F_OK), 0);
}

TEST_F(UnixSocket, ItsFolderIsForItsUserAloneAndIsRemoved) {
  const std::string path = folder_->path();
  struct stat found;
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode, S_IFDIR | 0700U);
  EXPECT_EQ(found.st_uid, geteuid());
  std::ofstream(path + "/left_behind") << "text";
  folder_.reset();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(UnixSocket, ItsFolderIsMadeWhereTheAddressIsShortEnough) {
  const std::string deep = folder_->path() + "/" + std::string(80, 'd');
  ASSERT_EQ(mkdir(deep.c_str(), 0700), 0);
  setenv("XDG_RUNTIME_DIR", deep.c_str(), 1);
  setenv("TMPDIR", "/no/such/folder", 1);
  const auto folder = PrivateFolder::Make();
  unsetenv("XDG_RUNTIME_DIR");
  unsetenv("TMPDIR");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ((*folder)->path().rfind("/tmp/armature-", 0), 0U);
}

TEST_F(UnixSocket, WhatADeadProcessLeftBehindIsReplaced) {
  const Address address = Socket("stale");
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  address.socket_path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  close(fd);
  ASSERT_FALSE(Connect(address));
  Acceptor acceptor;
  const auto bound = acceptor.Listen(address, [](int connection) { close(connection); });
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_TRUE(Connect(address));
}

TEST_F(UnixSocket, AFileThatIsNoSocketIsLeftAlone) {
  const Address address = Socket("file");
  std::ofstream(address.socket_path) << "text";
  Acceptor acceptor;
  const auto bound = acceptor.Listen(address, [](int connection) { close(connection); });
  EXPECT_EQ(bound.status(), absl::UnavailableError("cannot listen on " + address.ToString() +
                                                   ": a file of that name is there"));
  EXPECT_EQ(access(address.socket_path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace armature
