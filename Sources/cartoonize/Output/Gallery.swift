import Files
import Foundation
import ImageCodecs

/// A page with all photos of a batch before and after, in one file that needs nothing else.
struct Gallery {
    static let name = "cartoonize.html"
    /// The longest side of the pictures in the page.
    private static let side = 768
    private static let quality = 80

    let instruction: String

    /// Writes the page of all jobs whose picture exists, whichever process made it.
    ///
    /// - Returns: the number of pictures in it.
    func write(_ jobs: [Job], to path: String) throws -> Int {
        var count = 0
        do {
            let file = try AtomicFile(path)
            try file.write(Data(head.utf8))
            for job in jobs {
                guard let output = job.destination.file, let figure = try? figure(of: job.photo.path, output) else {
                    continue
                }
                try file.write(Data(figure.utf8))
                count += 1
            }
            try file.write(Data("</main>\n</html>\n".utf8))
            try file.commit()
        } catch {
            throw CommandFailure(writing: path, error)
        }
        return count
    }

    private func figure(of photo: String, _ output: String) throws -> String {
        let (before, after) = (try InputPicture(InputFile(path: photo)), try InputPicture(InputFile(path: output)))
        let size = after.size.workingSize(factor: 1, smallestSide: 1, limit: Self.side * Self.side)
        func source(_ picture: InputPicture) throws -> String {
            var small = picture.resized(to: size, format: .jpeg)
            // A large profile would be in every picture twice.
            if let profile = small.iccProfile, profile.count > 4096 { small.iccProfile = nil }
            small.metadata = ImageMetadata()
            return "data:image/jpeg;base64," + (try small.jpeg(quality: Self.quality)).base64EncodedString()
        }
        return """
            <figure style="--ratio:\(size.width)/\(size.height)">
            <div><img alt="after" src="\(try source(after))"><img alt="before" src="\(try source(before))">\
            <input type="range" min="0" max="100" value="50" aria-label="before and after"></div>
            <figcaption>\(escaped(FilePath(output).name))</figcaption>
            </figure>

            """
    }

    private var head: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>\(escaped(instruction))</title>
        <style>
        body { margin: 2em; font: 15px sans-serif; color: #222; background: #f6f6f4 }
        main { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 1.5em }
        figure { margin: 0 }
        figure div { position: relative; aspect-ratio: var(--ratio); --cut: 50% }
        img { position: absolute; inset: 0; width: 100%; height: 100% }
        img + img { clip-path: inset(0 calc(100% - var(--cut)) 0 0) }
        figure div::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut); border-left: 2px solid #fff }
        input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize }
        </style>
        <script>
        addEventListener("input", event => event.target.parentNode.style.setProperty("--cut", event.target.value + "%"))
        </script>
        <h1>\(escaped(instruction))</h1>
        <main>

        """
    }

    /// `text` as HTML shows it; names and instructions may hold anything.
    private func escaped(_ text: String) -> String {
        singleLine(text).replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
    }
}
