import Foundation

/// CVC-300: `bbdd/` and `gtpolyp/` of EndoScene, or the 60 frames of PraNet's pack.
enum EndoSceneLayout: SourceReader {
  static let name = "cvc-300"
  static let summary = "CVC-300: bbdd/ and gtpolyp/ of EndoScene, or images/ and masks/ of PraNet's pack"

  private static let original = ["bbdd", "gtpolyp"]

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source) else { return false }
    return !tree.roots(of: original).isEmpty
      || tree.isNamed("cvc-300") && tree.roots(of: ["images", "masks"]).count == 1
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      source: "CVC-300 of EndoScene (CVC-EndoSceneStill)",
      citation: "Vázquez et al.: A Benchmark for Endoluminal Scene Segmentation of Colonoscopy Images. "
        + "Journal of Healthcare Engineering, 2017")
    pairing.listing.notes = [
      "EndoScene joins frames of CVC-ColonDB (CVC-300) and CVC-ClinicDB (CVC-612): never train "
        + "on one and test "
        + "on the other"
    ]
    let facts = Pairing.Facts(lesionClass: "polyp")
    var folders = original
    var roots = tree.roots(of: original)
    if roots.count > 1, roots.contains(where: isOwn) {
      for other in roots where !isOwn(other) { pairing.leaveOut(other, "it is not CVC-300") }
      roots = roots.filter(isOwn)
    }
    let root: String
    if let only = roots.first, roots.count == 1 {
      root = only
    } else {
      folders = ["images", "masks"]
      root = try tree.root(of: roots.isEmpty ? folders : original, kind: name)
    }
    try pairing.pair(
      tree.files(of: folders[0], in: root),
      tree.files(of: folders[1], in: root)
    ) { _ in facts }
    return try pairing.finished(kind: name)
  }

  private static func isOwn(_ root: String) -> Bool { root.split(separator: "/").last == "CVC-300" }
}
