"""How a folder of ours is built: one library, and a test for each *_test.cc."""

load("//third_party:copts.bzl", "ARMATURE_COPTS")

# Which folder may include which is a test's: tests/integration/layers_test.sh.
_ANYWHERE_HERE = ["//:__subpackages__"]

def armature_library(
        name,
        deps = [],
        data = [],
        testonly = False,
        exclude = [],
        test_deps = [],
        test_data = [],
        test_linkopts = [],
        test_sizes = {}):
    """The library of a folder's sources, and its tests.

    Args:
      name: of the library; the folder's own name makes "//folder" its label.
      deps: of the library.
      data: of the library.
      testonly: only tests may use it.
      exclude: sources that belong to other targets; main.cc and *_benchmark.cc always do.
      test_deps: of the tests, beside the library, its deps and GoogleTest.
      test_data: of the tests.
      test_linkopts: of the tests.
      test_sizes: of tests that are not "small", by name.
    """
    others = exclude + ["main.cc", "*_benchmark.cc", "*_test.cc"]
    native.cc_library(
        name = name,
        testonly = testonly,
        srcs = native.glob(["*.cc"], exclude = others),
        hdrs = native.glob(["*.h"], exclude = exclude),
        copts = ARMATURE_COPTS,
        data = data,
        visibility = _ANYWHERE_HERE,
        deps = deps + ["@system//versions"],
    )
    for source in native.glob(["*_test.cc"], exclude = exclude):
        test = source[:-len(".cc")]
        native.cc_test(
            name = test,
            size = test_sizes.get(test, "small"),
            srcs = [source],
            copts = ARMATURE_COPTS,
            data = test_data,
            linkopts = test_linkopts,
            deps = [":" + name, "@system//:gtest_main"] + deps + test_deps,
        )
