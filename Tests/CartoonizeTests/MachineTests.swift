import Foundation
import TensorKernels
import TestSupport
import Testing

/// Not within the attribute that uses it: Swift 6.0 cannot compile closures there.
private let absentKernels = KernelSet.names.filter { name in !KernelSet.available.contains { $0.name == name } }

/// What is made of the processors and threads that there are.
@Suite struct MachineTests {
    private func folderWithPhoto() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("a.png", SamplePicture.png(width: 64, height: 64))
        return folder
    }

    /// Empty, misspelt, and of other processors.
    @Test(arguments: ["", "avx3"] + absentKernels) func kernelsThatAreNotThereAreRefused(name: String) throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.run(["a.png"], in: folder, environment: ["CARTOONIZE_KERNELS": name])
        #expect(outcome.status == 2)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("CARTOONIZE_KERNELS is \"\(name)\", but the kernels that can run here are "))
        #expect(KernelSet.available.allSatisfy { outcome.errors.contains($0.name) })
        #expect(outcome.output.isEmpty && folder.contents == ["a.png"])
    }

    /// The same bytes for any number of threads, whatever kernels; those of AVX2 and of others may differ.
    @Test(arguments: KernelSet.available.map(\.name)) func kernelsMakePictures(name: String) throws {
        let folder = try folderWithPhoto()
        for threads in ["1", "2"] {
            let outcome = try Program.run(
                ["a.png", "-o", "\(threads).png", "--seed", "1", "--steps", "2", "--threads", threads], in: folder,
                environment: ["CARTOONIZE_KERNELS": name])
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try differences(folder.data("1.png"), folder.data("2.png")) == nil)
    }

    /// Those that do their own products.
    private static let ownKernels = KernelSet.available.filter { $0.name != "blas" }

    /// Half precision where the processor has it: another image, which says so and is repeated by what it says, for any
    /// number of threads. Elsewhere a note, and the image of full precision.
    @Test(arguments: ownKernels) func halfPrecisionIsRepeatedByWhatTheImageSays(kernels: KernelSet) throws {
        let folder = try folderWithPhoto()
        func make(_ output: String, _ options: String...) throws -> String {
            let outcome = try Program.run(
                ["a.png", "-o", output, "--seed", "1", "--steps", "2"] + options, in: folder,
                environment: ["CARTOONIZE_KERNELS": kernels.name])
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.errors
        }
        _ = try make("full.png", "--precision", "full")
        let errors = try make("half.png", "--precision", "half", "--threads", "1")
        let isSame = try folder.data("full.png") == folder.data("half.png")
        #expect(isSame != kernels.computesHalf)
        #expect(errors.contains("note: full precision instead of half: ") != kernels.computesHalf, "\(errors)")
        guard kernels.computesHalf else { return }
        let said = try Program.run(["inspect", "half.png"], in: folder).outputText
        #expect(said.contains("Precision: half"), "\(said)")
        _ = try make("again.png", "--params-from", "half.png", "--threads", "2")
        #expect(try differences(folder.data("again.png"), folder.data("half.png")) == nil)
        _ = try make("other.png", "--params-from", "half.png", "--precision", "full")
        #expect(try differences(folder.data("other.png"), folder.data("full.png")) == nil)
    }

    @Test func moreThreadsThanProcessorsAreNotStarted() throws {
        let folder = try folderWithPhoto()
        let outcome = try Program.runShell(
            "taskset -c $(taskset -cp $$ | sed 's/.*[ ,-]//') $program a.png --threads 64 -v --steps 2", in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("note: 1 thread instead of 64: there is one processor to run on\n"))
        #expect(outcome.errors.contains(", 1 threads\n"), "\(outcome.errors)")
    }

    /// Where the system starts no thread at all, the first one does everything, photos of a batch and their writing, too.
    @Test(.enabled(if: getuid() == 0, "only root can run as somebody who has no other processes"))
    func noThreadsAreNeeded() throws {
        let folder = try folderWithPhoto()
        _ = try Program.runShell("chmod -R a+rwX .; chmod a+rx ..", in: folder)
        let limited = "timeout 60 setpriv --reuid 64321 --regid 64321 --clear-groups bash -c"
        let outcome = try Program.runShell(
            "\(limited) 'ulimit -u 1; export HOME=.; exec '$program' a.png -o out.png --threads 2 --steps 2 -v'",
            in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.errors.contains("note: 1 thread instead of 2: the system starts no more\n")
                || Compute.availableThreads == 1, "\(outcome.errors)")
        #expect(try folder.picture("out.png").width == 64)
    }

    /// However few files may be open: a picture, or one sentence.
    @Test(arguments: 5...10) func fewDescriptorsEndInAPictureOrASentence(descriptors: Int) throws {
        let folder = try folderWithPhoto()
        let arguments = [
            "a.png -o out.png --steps 2 -v", "a.png -o out.png -f --preview 1 --steps 2",
            "convert '\(Program.modelsFolder.path)/cartoonizer-mini' converted", "inspect a.png",
        ]
        for arguments in arguments {
            let outcome = try Program.runShell(
                "ulimit -n \(descriptors); exec '\(Program.path)' \(arguments)", in: folder)
            #expect((0...7).contains(outcome.status), "\(arguments): \(outcome.errors)")
            let sentences = outcome.errorLines.filter { $0.contains("error:") }
            #expect(sentences.count == (outcome.status == 0 ? 0 : 1), "\(arguments): \(outcome.errors)")
            #expect(descriptors < 10 || outcome.status == 0, "\(arguments): \(outcome.errors)")
            #expect(!folder.contents.contains { $0.contains(".partial") }, "\(folder.contents)")
        }
    }
}
