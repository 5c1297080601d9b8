"""LibTorch out of the PyPI wheel `torch`, for the CPU and the CUDA build alike."""

load("//third_party/wheel:wheel.bzl", "download_wheels")

def _libtorch_repository_impl(repository_ctx):
    download_wheels(
        repository_ctx,
        ["torch==" + repository_ctx.attr.version],
        [
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

    # torch's own metadata pins the CUDA toolkit; libtorch_cpu.so needs two small
    # libraries of it even on a machine without a GPU, and CUDA graphs its headers.
    metadata = repository_ctx.read("torch-%s.dist-info/METADATA" % repository_ctx.attr.version)
    toolkit = None
    for line in metadata.splitlines():
        if line.startswith("Requires-Dist: cuda-toolkit["):
            toolkit = line.split("==")[1].split(";")[0].strip()
    if not toolkit:
        fail("torch %s names no cuda-toolkit in its metadata" % repository_ctx.attr.version)
    download_wheels(
        repository_ctx,
        ["cuda-toolkit[cudart,cupti,crt]==" + toolkit],
        ["nvidia/"],
        with_dependencies = True,
    )
    repository_ctx.symlink(Label("//third_party/libtorch:BUILD.libtorch.bazel"), "BUILD.bazel")

libtorch_repository = repository_rule(
    implementation = _libtorch_repository_impl,
    attrs = {
        "version": attr.string(mandatory = True),
    },
)
