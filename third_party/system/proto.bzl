"""Generates C++ from a .proto with the system's protoc."""

def armature_proto(name, src, deps = [], grpc = False):
    """A cc_library of the messages of `src`, or, with grpc, of its services.

    Args:
      name: the library.
      src: the .proto file, in the folder of the calling BUILD file; it may import those of //proto.
      deps: libraries of the files that `src` imports (with grpc: of its messages).
      grpc: generate the service stubs instead of the messages.
    """

    # Files import each other from the root of their repository, which may be external.
    repository = native.repository_name()[len("@"):]
    root = "external/" + repository if repository else "."
    base = src[:-len(".proto")] + (".grpc.pb" if grpc else ".pb")
    flags = "--cpp_out=$(GENDIR)/" + root
    if grpc:
        flags = "--grpc_out=$(GENDIR)/%s --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin)" % root
    native.genrule(
        name = name + "_gen",
        srcs = [Label("//proto:all_protos"), src, "@system//versions:versions.txt"],
        outs = [base + ".cc", base + ".h"],
        cmd = "protoc -I%s %s $(location %s)" % (root, flags, src),
        message = "Generating C++ from " + src,
    )
    native.cc_library(
        name = name,
        srcs = [base + ".cc"],
        hdrs = [base + ".h"],
        copts = ["-w"],
        deps = deps + ["@system//:grpcpp" if grpc else "@system//:protobuf", "@system//versions"],
    )
