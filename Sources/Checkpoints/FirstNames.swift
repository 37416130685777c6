/// The first three names, and that there are more, for a sentence.
package func firstNames(_ names: [String]) -> String {
    names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", ..." : "")
}
