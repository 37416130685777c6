/// Options as other programs call them (diffusers' scripts, stable-diffusion-webui, stable-diffusion.cpp, Real-ESRGAN, rembg,
/// ffmpeg, ImageMagick): taken for what they mean here, with a note, or answered by a sentence.
struct ForeignOptions {
    /// What an option of another program is here.
    private enum Meaning {
        /// An option of another name, with a value or without as there.
        case option(String)
        /// The name of a photo.
        case photo
        /// What is so anyway.
        case nothing(String)
        /// Nothing: what to do is said.
        case refused(String)
    }

    /// The arguments in this program's words.
    private(set) var arguments: [String] = []
    /// What was taken for what.
    private(set) var notes: [String] = []
    private var sides: (width: String?, height: String?)
    /// The option of `sides` that came last.
    private var lastSide: String?

    private static let onlyCPU = "images are computed by the processor (CPU) alone"

    private static let meanings: [String: Meaning] = {
        let table: [(String, Meaning)] = [
            ("--prompt -p --edit", .option("-i")),
            ("--negative-prompt --neg-prompt -n", .option("--negative")),
            ("--guidance-scale --cfg-scale --cfg --cfg-text", .option("--guidance")),
            ("--image-guidance-scale --img-cfg-scale --image-cfg-scale --cfg-image", .option("--image-guidance")),
            ("--num-inference-steps --inference-steps --sampling-steps", .option("--steps")),
            ("--scheduler --sampling-method --sampler-name", .option("--sampler")),
            ("--overwrite -y --yes", .option("--force")),
            ("-s", .option("--seed")),
            ("-t", .option("--threads")),
            ("-b --batch-count --num-images --num-images-per-prompt", .option("--count")),
            ("--out --outdir --output-dir --output-path", .option("-o")),
            ("--ext --output-format", .option("--format")),
            ("--ckpt --checkpoint --model-id --model-path --pretrained-model-name-or-path", .option("-m")),
            ("--input --image --input-image --init-image --init-img", .photo),
            ("--cpu --no-half --fp32", .nothing(onlyCPU + ", in single precision")),
            ("--gpu --cuda", .refused(onlyCPU + "; leave it out")),
            ("--fp16 --half", .refused("--precision half computes in bfloat16, where the processor does")),
            (
                "--style --preset --filter --effect",
                .refused("the instruction names the style, as in -i \"Turn it into a pencil sketch\"")
            ),
            (
                "--jobs -j",
                .refused(
                    "images are made one after the other, each by all processors; --threads limits these, and --shard "
                        + "shares a batch among several processes")
            ),
            (
                "--strength --denoising-strength",
                .refused(
                    "--image-guidance says how strongly the photo is kept, and --guidance how strongly to change it")
            ),
        ]
        return Dictionary(
            uniqueKeysWithValues: table.flatMap { names, meaning in
                names.split(separator: " ").map { (String($0), meaning) }
            })
    }()

    /// Translates the arguments of a run; those of other commands stay as they are.
    static func translate(_ arguments: [String]) throws -> ForeignOptions {
        var options = ForeignOptions()
        guard !Manual.describes(arguments), !Commands.areOthers(arguments) else {
            options.arguments = arguments
            return options
        }
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        var rest = arguments[..<end]
        while let argument = rest.popFirst() { try options.add(argument, &rest) }
        try options.addSize()
        options.arguments += arguments[end...]
        if arguments.contains(where: { $0 == "--quiet" || $0.wholeMatch(of: /-[a-z]*q[a-z]*/) != nil }) {
            options.notes = []
        }
        return options
    }

    private mutating func add(_ argument: String, _ rest: inout ArraySlice<String>) throws {
        guard argument.hasPrefix("-"), argument != "-" else { return arguments.append(argument) }
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let isLong = argument.hasPrefix("--")
        let name = isLong ? parts[0].replacing("_", with: "-") : parts[0]
        /// The option's value, which is the next argument if it is not behind an equals sign.
        func value() -> String? { parts.count > 1 ? parts[1] : rest.first }
        func takeValue() -> String? { parts.count > 1 ? parts[1] : rest.popFirst() }

        switch Self.meanings[name] {
        case .option("--seed") where value() == "-1", nil where name == "--seed" && value() == "-1":
            _ = takeValue()
            notes.append("\(name) -1 takes a random seed")
        case .option(let ours):
            note(name, ours)
            arguments += [ours] + parts.dropFirst()
        case .photo:
            guard let photo = takeValue() else { throw Self.refusal(name, "photos are named without an option") }
            notes.append("photos need no option here: \(name) is left out")
            arguments.append(photo)
        case .nothing(let reason): notes.append("\(name) is left out: \(reason)")
        case .refused(let reason): throw Self.refusal(name, reason)
        case nil: try addOther(argument, name, parts, takeValue)
        }
    }

    /// An option whose value decides what it is, or one of this program's own.
    private mutating func addOther(
        _ argument: String, _ name: String, _ parts: [String], _ takeValue: () -> String?
    ) throws {
        switch name {
        case "--width", "-W", "--height", "-H":
            let side = takeValue()
            if name == "--width" || name == "-W" { sides.width = side } else { sides.height = side }
            lastSide = name
        case "--device":
            let device = takeValue() ?? ""
            guard device == "cpu" else { throw Self.refusal(name, Self.onlyCPU) }
            notes.append("--device cpu is left out: \(Self.onlyCPU)")
        case "--size", "--resolution":
            let size = takeValue()
            if let size, !size.isEmpty, size.allSatisfy(\.isNumber) {
                throw Self.refusal("\(name) \(size)", "--size takes width and height, such as --size \(size)x\(size)")
            }
            if name != "--size" { note(name, "--size") }
            arguments += ["--size"] + [size].compactMap { $0 }
        default:
            // A short option of a value with the value right behind it.
            if ["-i", "-m", "-o"].contains(where: argument.hasPrefix), argument.count > 2,
                !argument.dropFirst(2).hasPrefix("=")
            {
                arguments += [String(argument.prefix(2)), String(argument.dropFirst(2))]
            } else {
                arguments.append(([name] + parts.dropFirst()).joined(separator: "="))
            }
        }
    }

    private mutating func addSize() throws {
        switch sides {
        case (nil, nil): return
        case (let width?, let height?):
            notes.append("width and height are --size \(width)x\(height) here")
            arguments += ["--size", "\(width)x\(height)"]
        default: throw Self.refusal(lastSide ?? "--width", "--size takes width and height, such as --size 640x480")
        }
    }

    private mutating func note(_ theirs: String, _ ours: String) { notes.append("\(theirs) is \(ours) here") }

    private static func refusal(_ name: String, _ sentence: String) -> CommandFailure {
        CommandFailure(.usage, "there is no \(name) here: \(sentence) (see 'cartoonize --help')")
    }
}
