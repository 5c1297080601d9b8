"""What programs read at run time: the `data` of theirs and of all that they depend on.

A model that somebody adds to the `data` of an environment is in the bundle without being
named a second time.
"""

ProgramDataInfo = provider(fields = {"files": "Depset of files that are no programs."})

_FOLLOWED = ["actual", "data", "deps", "srcs"]

def _collect(_target, ctx):
    files = []
    for name in _FOLLOWED:
        value = getattr(ctx.rule.attr, name, None)
        for target in value if type(value) == "list" else [value]:
            if type(target) != "Target":
                continue
            if ProgramDataInfo in target:
                files.append(target[ProgramDataInfo].files)
            # A program has a manifest; a file alone counts as executable, too.
            if name == "data" and not target.files_to_run.runfiles_manifest:
                files.append(target.files)
    return [ProgramDataInfo(files = depset(transitive = files))]

_program_data_aspect = aspect(implementation = _collect, attr_aspects = _FOLLOWED)

def _program_data(ctx):
    elsewhere = depset(transitive = [target.files for target in ctx.attr.packed_elsewhere])
    left_out = {file: True for file in elsewhere.to_list()}
    found = depset(transitive = [target[ProgramDataInfo].files for target in ctx.attr.programs])
    return [DefaultInfo(files = depset([f for f in found.to_list() if f not in left_out]))]

program_data = rule(
    implementation = _program_data,
    attrs = {
        "packed_elsewhere": attr.label_list(
            allow_files = True,
            doc = "Data that the bundle has in a place of its own.",
        ),
        "programs": attr.label_list(aspects = [_program_data_aspect]),
    },
)
