"""LibTorch out of the PyPI wheel `torch`, for the CPU and the CUDA build alike."""

load("//third_party/wheel:wheel.bzl", "download_wheels")

def _libtorch_repository_impl(repository_ctx):
    download_wheels(
        repository_ctx,
        repository_ctx.attr.requirements,
        [
            "nvidia/",
            "torch/include/",
            "torch/lib/libc10.so",
            "torch/lib/libc10_cuda.so",
            "torch/lib/libgomp",
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libtorch_cuda.so",
            "torch/lib/libtorch_cuda_linalg.so",
        ],
    )

    # The wheel's protobuf and fmt headers would shadow the system's.
    for folder in ["google", "fmt"]:
        repository_ctx.delete("torch/include/" + folder)

    repository_ctx.symlink(Label("//third_party/libtorch:BUILD.libtorch.bazel"), "BUILD.bazel")

libtorch_repository = repository_rule(
    implementation = _libtorch_repository_impl,
    attrs = {
        "requirements": attr.label(mandatory = True),
    },
)
