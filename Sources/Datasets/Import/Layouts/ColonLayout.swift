import Foundation

/// CVC-ColonDB: `N.bmp` with masks `pN.bmp`, or the pack of PraNet with `images/` and `masks/`.
enum ColonLayout: SourceReader {
  static let name = "cvc-colondb"
  static let summary =
    "CVC-ColonDB: N.bmp with pN.bmp, or images/ and masks/ of the 380 frames in PraNet's pack"

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source) else { return false }
    let isOriginal = tree.folders.values.contains { files in
      let stems = Set(files.filter(isBitmap).map(DistinctStems.stem))
      return stems.contains { Int($0) != nil && stems.contains("p\($0)") }
    }
    return isOriginal || tree.isNamed("colondb") && tree.roots(of: ["images", "masks"]).count == 1
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      source: "CVC-ColonDB, http://mv.cvc.uab.es/projects/colon-qa/cvccolondb",
      citation: "Bernal, Sánchez, Vilariño: Towards Automatic Polyp Detection with a Polyp Appearance Model. "
        + "Pattern Recognition 45(9), 2012")
    pairing.listing.notes = [
      "the frames of CVC-ColonDB are of 15 sequences, but the set does not say which; state "
        + "them with --group-by"
    ]
    let facts = Pairing.Facts(lesionClass: "polyp")
    let bitmaps = tree.images.filter(isBitmap)
    if bitmaps.contains(where: { number($0, after: "p") != nil }) {
      try pairing.pair(
        bitmaps, bitmaps, imageKey: { number($0, after: "") }, maskKey: { number($0, after: "p") }
      ) { _ in
        facts
      }
      for path in bitmaps {
        if number(path, after: "s") != nil {
          pairing.leaveOut(path, "it marks the regions without information")
        }
        if number(path, after: "c") != nil { pairing.leaveOut(path, "it is the contour of the mask") }
      }
    } else {
      let root = try tree.root(of: ["images", "masks"], kind: name)
      try pairing.pair(
        tree.files(of: "images", in: root),
        tree.files(of: "masks", in: root)
      ) { _ in facts }
    }
    return try pairing.finished(kind: name)
  }

  private static func isBitmap(_ path: String) -> Bool { path.lowercased().hasSuffix(".bmp") }

  /// The number in a name that is a letter and a number; nil for another name.
  private static func number(_ path: String, after letter: String) -> String? {
    let stem = DistinctStems.stem(path)
    guard stem.hasPrefix(letter) else { return nil }
    let rest = stem.dropFirst(letter.count)
    return !rest.isEmpty && rest.allSatisfy { $0.isASCII && $0.isNumber } ? String(rest) : nil
  }
}
