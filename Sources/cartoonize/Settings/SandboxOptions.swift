import ArgumentParser

/// Whether the process confines itself.
struct SandboxOptions: ParsableArguments {
    @Flag(help: "Keep all rights of the user while files are read; see SECURITY.md.")
    var noSandbox = false
}
