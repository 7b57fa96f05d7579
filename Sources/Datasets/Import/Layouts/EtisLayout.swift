import Foundation

/// ETIS-Larib: `ETIS-LaribPolypDB/N.tif` with `Ground Truth/pN.tif`, or PraNet's pack.
enum EtisLayout: SourceReader {
  static let name = "etis"
  static let summary = "ETIS-Larib: ETIS-LaribPolypDB/N.tif and Ground Truth/pN.tif, or images/ and masks/"

  private static let original = ["ETIS-LaribPolypDB", "Ground Truth"]

  static func recognises(_ source: URL) -> Bool {
    guard let tree = SourceTree.look(at: source) else { return false }
    return !tree.roots(of: original).isEmpty
      || tree.isNamed("etis") && tree.roots(of: ["images", "masks"]).count == 1
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      source: "ETIS-Larib Polyp DB, https://polyp.grand-challenge.org/EtisLarib/",
      citation:
        "Silva et al.: Toward embedded detection of polyps in WCE images for early diagnosis of colorectal "
        + "cancer. International Journal of Computer Assisted Radiology and Surgery 9, 2014")
    pairing.listing.notes = [
      "the frames of ETIS-Larib are of 34 sequences, but the set does not say which; state them "
        + "with --group-by"
    ]
    let facts = Pairing.Facts(lesionClass: "polyp")
    let isOriginal = !tree.roots(of: original).isEmpty
    let folders = isOriginal ? original : ["images", "masks"]
    let root = try tree.root(of: folders, kind: name)
    try pairing.pair(
      tree.files(of: folders[0], in: root),
      tree.files(of: folders[1], in: root),
      maskKey: { path in
        let stem = DistinctStems.stem(path)
        return isOriginal ? (stem.hasPrefix("p") ? String(stem.dropFirst()) : nil) : stem
      }
    ) { _ in facts }
    return try pairing.finished(kind: name)
  }
}
