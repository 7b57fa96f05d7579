import Foundation

/// CVC-ClinicDB: `Original/N.tif` and `Ground Truth/N.tif`, 612 frames of 29 sequences.
enum ClinicLayout: SourceReader {
  static let name = "cvc-clinicdb"
  static let summary = "CVC-ClinicDB: Original/N.tif and Ground Truth/N.tif, grouped by its 29 sequences"

  /// The last frame of each sequence, as the set's own table states it.
  static let lastFrames = [
    25, 50, 67, 78, 103, 126, 151, 177, 199, 205, 227, 252, 277, 297, 317, 342, 363, 383, 408, 428, 447, 466,
    478,
    503, 528, 546, 571, 591, 612,
  ]
  private static let folders = ["Original", "Ground Truth"]

  static func recognises(_ source: URL) -> Bool {
    SourceTree.look(at: source).map { !$0.roots(of: folders).isEmpty } ?? false
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      licence: "for research and education only; commercial use is forbidden",
      source: "CVC-ClinicDB, https://polyp.grand-challenge.org/CVCClinicDB/",
      citation: "Bernal et al.: WM-DOVA maps for accurate polyp highlighting in colonoscopy: Validation vs. "
        + "saliency maps from physicians. Computerized Medical Imaging and Graphics 43, 2015")
    // A copy has every picture twice, in TIF/ and in PNG/.
    let roots = tree.roots(of: folders)
    let root: String
    if let original = roots.first(where: { $0.split(separator: "/").last == "TIF" }), roots.count > 1 {
      root = original
      for other in roots where other != original {
        pairing.leaveOut(other, "it repeats the pictures of \(original)")
      }
    } else {
      root = try tree.root(of: folders, kind: name)
    }
    try pairing.pair(
      tree.files(of: folders[0], in: root),
      tree.files(of: folders[1], in: root)
    ) { path in
      Pairing.Facts(group: sequence(DistinctStems.stem(path)), lesionClass: "polyp")
    }
    let listing = try pairing.finished(kind: name)
    guard let stranger = listing.items.first(where: { $0.group == nil }) else { return listing }
    var noted = listing
    noted.notes.append("\(stranger.stem) is no number from 1 to 612, so its sequence is not known")
    return noted
  }

  /// The sequence of a frame; nil for a name that is no number of a frame.
  static func sequence(_ stem: String) -> String? {
    guard let frame = Int(stem), frame > 0, let index = lastFrames.firstIndex(where: { frame <= $0 }) else {
      return nil
    }
    return "cvc-clinicdb-sequence-\(index + 1)"
  }
}
