import Files
import Foundation
import ImageCodecs

/// A page with all photos of a batch before and after: one file that needs nothing else, or for many photos with small
/// images in a folder beside it, which a browser loads as they come into view.
struct Gallery {
    static let name = "cartoonize.html"
    /// The folder of images beside the page.
    static let filesName = "cartoonize.files"
    /// More photos than this make files beside the page.
    private static let mostInside = 24
    /// The longest side of the images in the page.
    private static let side = 768
    private static let quality = 80

    let instruction: String

    /// Writes the page of all jobs whose image exists, whichever process made it.
    ///
    /// - Returns: the number of images in it.
    func write(_ jobs: [Job], to path: String) throws -> Int {
        var count = 0
        let files = jobs.count > Self.mostInside ? FilePath(FilePath(path).parent).appending(Self.filesName) : nil
        do {
            if let files { try makeFolder(files) }
            let file = try AtomicFile(path)
            try file.write(Data(head.utf8))
            for job in jobs {
                guard let output = job.destination.file, let pictures = try? pictures(job.photo.path, output) else {
                    continue
                }
                count += 1
                let sources = try zip(["after", "before"], [pictures.after, pictures.before]).map { kind, bytes in
                    guard let files else { return "data:image/jpeg;base64," + bytes.base64EncodedString() }
                    let name = "\(count)-\(kind).jpg"
                    let picture = try AtomicFile(FilePath(files).appending(name))
                    try picture.write(bytes)
                    try picture.commit()
                    return "\(Self.filesName)/\(name)"
                }
                try file.write(Data(figure(FilePath(output).name, pictures.size, sources).utf8))
            }
            try file.write(Data("</main>\n</html>\n".utf8))
            try file.commit()
        } catch let error as SystemError {
            throw CommandFailure(writing: path, error)
        }
        return count
    }

    private func pictures(_ photo: String, _ output: String) throws -> (before: Data, after: Data, size: PixelSize) {
        let (before, after) = (try InputPhoto(InputFile(path: photo)), try InputPhoto(InputFile(path: output)))
        let size = after.size.workingSize(factor: 1, smallestSide: 1, limit: Self.side * Self.side)
        func small(_ picture: InputPhoto) throws -> Data {
            var copy = picture.resized(to: size, format: .jpeg)
            // A large profile would be in every image twice.
            if let profile = copy.iccProfile, profile.count > 4096 { copy.iccProfile = nil }
            copy.metadata = ImageMetadata()
            return try copy.jpeg(quality: Self.quality)
        }
        return (try small(before), try small(after), size)
    }

    /// - Parameter sources: after and before.
    private func figure(_ name: String, _ size: PixelSize, _ sources: [String]) -> String {
        """
        <figure style="--ratio:\(size.width)/\(size.height)">
        <div><img alt="after" loading="lazy" src="\(sources[0])"><img alt="before" loading="lazy" src="\(sources[1])">\
        <input type="range" min="0" max="100" value="50" aria-label="\(escaped(name)): before and after"></div>
        <figcaption>\(escaped(name))</figcaption>
        </figure>

        """
    }

    private var head: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Before and after</title>
        <style>
        :root { color-scheme: light dark }
        body { margin: 2em; font: 15px sans-serif; color: #222; background: #f6f6f4 }
        h1 { margin: 0; font-size: 1.4em; font-weight: normal }
        header p { margin: .3em 0 1.5em; color: #666 }
        main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)); gap: 1.5em }
        figure { margin: 0 }
        figure div { position: relative; aspect-ratio: var(--ratio); --cut: 50%; background: #8882 }
        figure div:focus-within { outline: 3px solid #2a7ae2; outline-offset: 2px }
        figcaption { margin-top: .4em; overflow-wrap: anywhere }
        img { position: absolute; inset: 0; width: 100%; height: 100% }
        img + img { clip-path: inset(0 calc(100% - var(--cut)) 0 0) }
        figure div::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut); border-left: 2px solid #fff;
          pointer-events: none }
        input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
          touch-action: pan-y }
        @media (prefers-color-scheme: dark) {
          body { color: #ddd; background: #181818 }
          header p { color: #999 }
        }
        @media print {
          body { margin: 0; color: #000; background: #fff }
          main { display: block }
          figure { break-inside: avoid; margin-bottom: 1em }
          figure div { aspect-ratio: auto; display: flex; flex-direction: row-reverse; gap: 4px }
          img { position: static; width: 50%; height: auto }
          img + img { clip-path: none }
          input, figure div::after { display: none }
        }
        </style>
        <script>
        addEventListener("input", event => event.target.parentNode.style.setProperty("--cut", event.target.value + "%"))
        </script>
        <header>
        <h1>Before and after</h1>
        <p>\(escaped(instruction))</p>
        </header>
        <main>

        """
    }

    /// `text` as HTML shows it; names and instructions may hold anything.
    private func escaped(_ text: String) -> String {
        singleLine(text).replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
            .replacingOccurrences(of: "'", with: "&#39;")
    }
}
