import Foundation

/// Kvasir-SEG: `images/` and `masks/` of equal stems, both JPEG, as in HyperKvasir's segmented images.
enum KvasirLayout: SourceReader {
  static let name = "kvasir-seg"
  static let summary = "Kvasir-SEG: images/ and masks/, both JPEG"

  /// Files of boxes beside the folders; the first name is the set's own spelling.
  private static let marks = ["kavsir_bboxes.json", "kvasir_bboxes.json", "bounding-boxes.json"]

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source), let root = tree.roots(of: ["images", "masks"]).first,
      let masks = tree.folders[SourceTree.join(root, "masks")]
    else { return false }
    let hasBoxes = marks.contains { tree.others.contains(SourceTree.join(root, $0)) }
    return (hasBoxes || tree.isNamed("kvasir"))
      && masks.allSatisfy { ["jpg", "jpeg"].contains(($0 as NSString).pathExtension.lowercased()) }
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    let root = try tree.root(of: ["images", "masks"], kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      source: "Kvasir-SEG, https://datasets.simula.no/kvasir-seg/",
      citation: "Jha et al.: Kvasir-SEG: A Segmented Polyp Dataset. MultiMedia Modeling 2020")
    pairing.listing.notes = [
      "Kvasir-SEG states no patients, so each image is its own group; state what you know with --group-by"
    ]
    let facts = Pairing.Facts(lesionClass: "polyp")
    try pairing.pair(
      tree.files(of: "images", in: root), tree.files(of: "masks", in: root)
    ) { _ in facts }
    return try pairing.finished(kind: name)
  }
}
