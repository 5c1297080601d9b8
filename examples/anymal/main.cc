#include "anymal.h"
#include "envserver/server/env_server_main.h"

int main(int argc, char** argv) { return armature::EnvServerMain(argc, argv, RegisterAnymal); }
