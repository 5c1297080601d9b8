"""The robot kit for those who build with CMake: headers, one archive, a package file.

What to link, which headers of /usr and which macros: as @system's targets say.
"""

def _is_ours(label):
    return label != None and not label.workspace_name

# The static libraries of our own targets; of all others, shared libraries and -l flags.
def _linked(inputs):
    archives, shared, libraries = [], [], []
    for linker_input in inputs:
        for library in linker_input.libraries:
            archive = library.static_library or library.pic_static_library
            if archive and _is_ours(linker_input.owner):
                archives.append(archive)
            elif library.dynamic_library and not _is_ours(linker_input.owner):
                shared.append(library.resolved_symlink_dynamic_library or library.dynamic_library)
        for flag in linker_input.user_link_flags:
            if flag.startswith("-l") and flag[len("-l"):] not in libraries:
                libraries.append(flag[len("-l"):])
    return archives, shared, libraries

# Folders of /usr/include that headers are included from.
def _include_folders(context):
    folders = []
    for folder in context.includes.to_list() + context.system_includes.to_list():
        _, found, below = folder.partition("external/system/include/")
        if found and below not in folders:
            folders.append(below)
    return folders

def _merge(ctx, archives):
    merged = ctx.actions.declare_file("libarmature_robot_kit.a")
    ctx.actions.run_shell(
        inputs = archives,
        outputs = [merged],
        command = """{
            echo "create $1"
            for archive in "${@:2}"; do echo "addlib $archive"; done
            echo save
            echo end
        } | ar -M && ranlib -D "$1" """,
        arguments = [ctx.actions.args().add(merged).add_all(archives)],
        mnemonic = "MergeArchives",
        progress_message = "Merging %d archives" % len(archives),
    )
    return merged

def _robot_kit(ctx):
    info = ctx.attr.library[CcInfo]
    context = info.compilation_context
    archives, shared, libraries = _linked(info.linking_context.linker_inputs.to_list())
    config = ctx.actions.declare_file("ArmatureConfig.cmake")
    ctx.actions.expand_template(
        template = ctx.file.template,
        output = config,
        substitutions = {
            "@DEFINITIONS@": ";".join([
                define
                for define in context.defines.to_list()
                if not define.startswith("ARMATURE_SYSTEM=")
            ]),
            "@INCLUDE_FOLDERS@": " ".join(_include_folders(context)),
            "@LIBRARIES@": ";".join(
                ["${_armature_root}/lib/" + library.basename for library in shared] + libraries,
            ),
        },
    )
    headers = [header for header in context.headers.to_list() if _is_ours(header.owner)]
    return [DefaultInfo(files = depset([_merge(ctx, archives), config] + shared + headers))]

robot_kit = rule(
    implementation = _robot_kit,
    attrs = {
        "library": attr.label(providers = [CcInfo], mandatory = True),
        "template": attr.label(allow_single_file = True, mandatory = True),
    },
)
