#include "envserver/server/env_server_main.h"
#include "two_link_arm.h"

int main(int argc, char** argv) { return armature::EnvServerMain(argc, argv, RegisterTwoLinkArm); }
