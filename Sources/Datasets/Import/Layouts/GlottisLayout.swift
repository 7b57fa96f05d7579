import Foundation

/// BAGLS: `N.png` with the glottis in `N_seg.png`, in `training/` and `test/`.
enum GlottisLayout: SourceReader {
  static let name = "bagls"
  static let summary = "BAGLS: N.png with N_seg.png, in training/ and test/"

  private static let suffix = "_seg"

  static func recognises(_ source: URL) -> Bool {
    SourceTree.look(at: source).map { !folders($0).isEmpty } ?? false
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      licence: "CC BY-NC-SA 4.0", source: "BAGLS, https://www.bagls.org",
      citation:
        "Gómez et al.: BAGLS, a multihospital Benchmark for Automatic Glottis Segmentation. Scientific "
        + "Data 7, 2020")
    pairing.listing.notes = [
      "the masks of BAGLS show the glottis, which is no lesion: name a class with --class if "
        + "MCDRL is to use one",
      "neighbouring numbers may be frames of one recording; state recordings with --group-by "
        + "where you know them",
    ]
    let found = folders(tree)
    guard !found.isEmpty else {
      throw ImportError.wrongLayout(source, kind: name, reason: "no folder holds an N.png with its N_seg.png")
    }
    let facts = Pairing.Facts()
    for folder in found {
      let files = tree.folders[folder] ?? []
      let part = found.count > 1 ? folder.split(separator: "/").last.map(String.init) ?? "root" : nil
      try pairing.pair(
        files, files,
        imageKey: { path in
          let stem = DistinctStems.stem(path)
          return stem.hasSuffix(suffix) ? nil : stem
        },
        maskKey: { path in
          let stem = DistinctStems.stem(path)
          return stem.hasSuffix(suffix) ? String(stem.dropLast(suffix.count)) : nil
        }, part: part
      ) { _ in facts }
    }
    return try pairing.finished(kind: name)
  }

  /// The folders with a numbered picture beside its mask.
  private static func folders(_ tree: SourceTree) -> [String] {
    tree.folders.filter { _, files in
      let stems = Set(files.map(DistinctStems.stem))
      return stems.contains { Int($0) != nil && stems.contains($0 + suffix) }
    }.keys.sorted()
  }
}
