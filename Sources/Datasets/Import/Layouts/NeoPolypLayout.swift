import Foundation

/// BKAI-IGH NeoPolyp: `train/` and `train_gt/` of equal names, with a colour for each class.
enum NeoPolypLayout: SourceReader {
  static let name = "bkai"
  static let summary =
    "BKAI-IGH NeoPolyp: train/ and train_gt/, red neoplastic and green non-neoplastic polyps"
  static let labelChoices: Set<LabelChoice> = [.lesions]

  /// The folders, also as the archive nests them.
  private static let layouts = [["train/train", "train_gt/train_gt"], ["train", "train_gt"]]
  static let labels = ["neoplastic": 1, "non-neoplastic": 2]
  static let colours: [[UInt8]: Int] = [[255, 0, 0]: 1, [0, 255, 0]: 2]

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source) else { return false }
    return layouts.contains { !tree.roots(of: $0).isEmpty }
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.labels = labels
    pairing.listing.origin = DataOrigin(
      source: "BKAI-IGH NeoPolyp, https://www.kaggle.com/c/bkai-igh-neopolyp",
      citation:
        "Lan et al.: NeoUNet: Towards accurate colon polyp segmentation and neoplasm detection. ISVC 2021")
    pairing.listing.notes = [
      "NeoPolyp states no patients, so each image is its own group; state what you know with --group-by"
    ]
    let folders = layouts.first { !tree.roots(of: $0).isEmpty } ?? layouts[0]
    let root = try tree.root(of: folders, kind: name)
    let facts = Pairing.Facts(lesionClass: "polyp")
    try pairing.pair(
      tree.files(of: folders[0], in: root),
      tree.files(of: folders[1], in: root),
      colours: colours
    ) { _ in facts }
    let tests = ["test", "test/test"].map { SourceTree.join(root, $0) }
    for folder in tests {
      for path in tree.folders[folder] ?? [] {
        pairing.leaveOut(path, "the masks of the test images are not public")
      }
    }
    return try pairing.finished(kind: name)
  }
}
