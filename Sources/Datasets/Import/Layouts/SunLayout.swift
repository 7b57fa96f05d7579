import Foundation

/// SUN-SEG: `Frame/caseN_M` and `GT/caseN_M` in training and test folders.
enum SunLayout: SourceReader {
  static let name = "sun-seg"
  static let summary =
    "SUN-SEG: Frame/ and GT/ by case, in parts train, easy-seen, easy-unseen, hard-seen, hard-unseen"

  static func recognises(_ source: URL) -> Bool {
    SourceTree.look(at: source).map { tree in
      tree.folders.keys.contains { folder in truth(of: folder).map { tree.folders[$0] != nil } ?? false }
    } ?? false
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      licence: "frames on request from the SUN database, not for commercial use",
      source: "SUN-SEG, https://github.com/GewelsJI/VPS, on the SUN database, http://amed8k.sundatabase.org",
      citation:
        "Ji et al.: Video Polyp Segmentation: A Deep Learning Perspective. Machine Intelligence Research 19, "
        + "2022; Misawa et al.: Development of a computer-aided detection system for "
        + "colonoscopy and a publicly "
        + "accessible large colonoscopy video database. Gastrointestinal Endoscopy 93, 2021")
    pairing.listing.notes = [
      "the parts seen share cases with train, so a model that was trained on train is not "
        + "scored fairly on them"
    ]
    for (folder, images) in tree.folders.sorted(by: { $0.key < $1.key }) {
      guard let masks = truth(of: folder), let files = tree.folders[masks] else { continue }
      let place = folder.split(separator: "/").map(String.init)
      let video = place.last ?? ""
      let facts = Pairing.Facts(
        group: "sun-" + (video.split(separator: "_").first.map(String.init) ?? video), lesionClass: "polyp")
      try pairing.pair(images, files, part: part([source.lastPathComponent] + place.dropLast(2))) { _ in facts
      }
    }
    return try pairing.finished(kind: name)
  }

  /// The folder of masks of a folder of frames, `…/GT/case1_1` of `…/Frame/case1_1`.
  private static func truth(of folder: String) -> String? {
    var place = folder.split(separator: "/").map(String.init)
    guard place.count >= 2, place[place.count - 2] == "Frame" else { return nil }
    place[place.count - 2] = "GT"
    return place.joined(separator: "/")
  }

  /// The part that a path to `Frame` lies in; nil if its names do not say.
  private static func part(_ place: [String]) -> String? {
    let names = Set(place.map { $0.lowercased() })
    if names.contains("traindataset") { return "train" }
    guard let test = ["easy", "hard"].first(where: { names.contains("test\($0)dataset") }) else { return nil }
    return ["seen", "unseen"].first(where: names.contains).map { "\(test)-\($0)" } ?? test
  }
}
