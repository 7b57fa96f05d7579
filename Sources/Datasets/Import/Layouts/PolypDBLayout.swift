import Foundation

/// PolypDB: `images/` and `masks/` by centre or by modality.
enum PolypDBLayout: SourceReader {
  static let name = "polypdb"
  static let summary = "PolypDB: images/ and masks/ of each centre, or of each modality"

  private static let trees = ["PolypDB_center_wise", "PolypDB_modality_wise"]

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source) else { return false }
    return tree.roots(of: ["images", "masks"]).contains { root in
      place(root, in: tree).contains(where: trees.contains)
    }
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      licence: "for research and education", source: "PolypDB, https://osf.io/pr7ms/",
      citation:
        "Jha et al.: PolypDB: A Curated Multi-Center Dataset for Development of AI Algorithms "
        + "in Colonoscopy. "
        + "arXiv:2409.00045, 2024")
    pairing.listing.notes = [
      "PolypDB states no patients, so each image is its own group; state what you know with --group-by"
    ]
    var roots = tree.roots(of: ["images", "masks"])
    // Both trees hold the same images. The centres are the sites.
    let centres = roots.filter { place($0, in: tree).contains(trees[0]) }
    if !centres.isEmpty {
      for root in roots where place(root, in: tree).contains(trees[1]) {
        pairing.leaveOut(
          root, "it repeats the images of \(trees[0]); give this folder alone to import by modality")
      }
      roots = centres
    }
    guard !roots.isEmpty else {
      throw ImportError.wrongLayout(
        source, kind: name, reason: "no folder in it holds images/ and masks/ with images")
    }
    let facts = Pairing.Facts(lesionClass: "polyp")
    for root in roots {
      let names = place(root, in: tree)
      let part = names.firstIndex(where: trees.contains).flatMap {
        $0 + 1 < names.count ? names[$0 + 1] : nil
      }
      try pairing.pair(
        tree.files(of: "images", in: root),
        tree.files(of: "masks", in: root),
        part: part
      ) { _ in facts }
    }
    return try pairing.finished(kind: name)
  }

  /// The names on the way to a folder, with that of the source.
  private static func place(_ folder: String, in tree: SourceTree) -> [String] {
    [tree.root.lastPathComponent] + folder.split(separator: "/").map(String.init)
  }
}
