import Foundation
import Imaging

/// PolypGen: six centres of single frames, sequences with polyps, and sequences without.
///
/// `data_Ck/images_Ck` with `masks_Ck/STEM_mask.jpg`, `sequenceData/positive/seqN/images_seqN` with
/// `masks_seqN`, and `sequenceData/negativeOnly/seqN_neg`. `imagesAll_positive` repeats the first two.
enum PolypGenLayout: SourceReader {
  static let name = "polypgen"
  static let summary =
    "PolypGen: parts C1 to C6, sequences, and on request negatives (frames without a polyp)"

  static func recognises(_ source: URL) -> Bool {
    SourceTree.look(at: source).map { tree in tree.folders.keys.contains { role($0, in: tree) != nil } }
      ?? false
  }

  /// The role of a folder of images.
  private enum Role {
    /// Single frames of a centre, such as `C3`, with the folder of their masks.
    case centre(String, masks: String)
    /// A sequence with the folder of its masks.
    case positive(String, masks: String)
    /// A sequence without polyps.
    case negative(String)
    /// Pictures that stand elsewhere, too, or are drawings.
    case repetition(String)
  }

  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let tree = try SourceTree(source, kind: name)
    var pairing = Pairing(tree)
    pairing.listing.origin = DataOrigin(
      licence: "CC BY 4.0", source: "PolypGen, https://doi.org/10.7303/syn26376615",
      citation: "Ali et al.: A multi-centre polyp detection and segmentation dataset for generalisability "
        + "assessment. Scientific Data 10, 2023")
    pairing.listing.notes = [
      "PolypGen states no patients of single frames, so each is its own group; sequences are groups"
    ]
    var known = false
    for (folder, images) in tree.folders.sorted(by: { $0.key < $1.key }) {
      guard let role = role(folder, in: tree) else { continue }
      switch role {
      case .centre(let centre, let masks):
        known = true
        let facts = Pairing.Facts(lesionClass: "polyp")
        try pairing.pair(images, tree.folders[masks] ?? [], imageKey: key, maskKey: maskKey, part: centre) {
          _ in facts
        }
      case .positive(let sequence, let masks):
        known = true
        let maskFiles = tree.folders[masks] ?? []
        if try areBlack(maskFiles.map(tree.url), options.limits) {
          let reason =
            "all masks of the sequence are black although it is one with polyps, a fault known upstream"
          for place in [folder, masks] { pairing.leaveOut(place, reason) }
          continue
        }
        let facts = Pairing.Facts(group: "polypgen-\(sequence)", lesionClass: "polyp")
        try pairing.pair(images, maskFiles, imageKey: key, maskKey: maskKey, part: "sequences") { _ in facts }
      case .negative(let sequence):
        known = true
        guard options.parts.contains("negatives") else {
          pairing.leaveOut(
            folder, "its frames show no lesion, and a site needs some; import it with --part negatives")
          continue
        }
        let facts = Pairing.Facts(group: "polypgen-\(sequence)")
        for image in images { pairing.add(image, .empty, part: "negatives", facts) }
      case .repetition(let reason): pairing.leaveOut(folder, reason)
      }
    }
    guard known else {
      throw ImportError.wrongLayout(
        source, kind: name, reason: "no data_C1 with images_C1, and no sequenceData/positive/seq1 is in it")
    }
    return try pairing.finished(kind: name)
  }

  /// Finds what a folder of images is, by its name.
  private static func role(_ folder: String, in tree: SourceTree) -> Role? {
    // A user may give one centre or one sequence, so that only the name of the source says which.
    let path = [tree.root.lastPathComponent] + folder.split(separator: "/").map(String.init)
    guard let last = path.last else { return nil }
    if last.hasPrefix("images_") {
      let end = String(last.dropFirst("images_".count))
      let masks = String(folder.dropLast(last.count)) + "masks_" + end
      guard tree.folders[masks] != nil else { return nil }
      if end.hasPrefix("C"), Int(end.dropFirst()) != nil { return .centre(end, masks: masks) }
      return end.hasPrefix("seq") ? .positive(end, masks: masks) : nil
    }
    if last.hasPrefix("seq"), last.hasSuffix("_neg") { return .negative(last) }
    if last == "imagesAll_positive" {
      return .repetition("it repeats the images of the centres and sequences")
    }
    if last.hasPrefix("bbox_image") { return .repetition("it shows boxes drawn on the images") }
    return nil
  }

  /// The key of an image: one name of centre 3 ends in a stray underscore, which its mask lacks.
  private static func key(_ path: String) -> String {
    let stem = DistinctStems.stem(path)
    return stem.hasSuffix("_") ? String(stem.dropLast()) : stem
  }

  private static func maskKey(_ path: String) -> String? {
    let stem = DistinctStems.stem(path)
    guard stem.hasSuffix("_mask") else { return nil }
    return key(String(stem.dropLast("_mask".count)))
  }

  /// Returns whether all masks of a sequence are black; it stops at the first that is not.
  private static func areBlack(_ masks: [URL], _ limits: ImageLimits) throws -> Bool {
    guard !masks.isEmpty else { return false }
    // A mask that cannot be read is left out where it is written.
    return masks.allSatisfy { mask in
      guard let values = try? MaskValues(reading: mask, limits: limits) else { return true }
      return values.distinct.allSatisfy { $0 < 128 }
    }
  }
}
