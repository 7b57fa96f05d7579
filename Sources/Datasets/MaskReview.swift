import Foundation
import Imaging
import Storage
import Torch

/// The meaning of the values of a site's masks, and their faults.
struct MaskReview {
  /// The convention; nil if the values do not tell it.
  private(set) var found: FoundConvention?
  private(set) var problems: [Inspection.Finding] = []
  private(set) var warnings: [Inspection.Finding] = []

  /// Reads the masks of a site.
  ///
  /// - Throws: never for bad masks, which become problems.
  init(_ site: Site, limits: ImageLimits) throws {
    guard let survey = site.survey else { return }
    do {
      let found = try survey.found(limits: limits)
      self.found = found
      let files = try survey.files(limits: limits).compactMap { file in
        (try? file.values.get()).map { (file.listed, $0) }
      }
      if !found.hasLesion, !files.isEmpty {
        problems.append(
          Inspection.Finding(
            "empty site",
            "\(files[0].0.url.deletingLastPathComponent().path): "
              + (files.count == 1 ? "the mask" : "all \(files.count) masks")
              + " of site \(site.name) are empty; give masks with lesions, or leave the site out"))
      }
      for (file, values) in files {
        guard let text = Self.remark(values, found.convention, survey.labels) else { continue }
        warnings.append(Inspection.Finding("values", "\(file.url.path): \(text)"))
      }
    } catch let error as MaskConventionError {
      problems.append(Inspection.Finding("convention", "\(error)"))
    }
  }

  /// Describes values that may not mean what they are read as; nil if there are none.
  private static func remark(_ values: MaskValues, _ convention: MaskConvention, _ labels: [Int]?) -> String?
  {
    guard !values.isBilevel else { return nil }
    if let labels {
      let others = values.distinct.map(Int.init).filter { $0 != 0 && !labels.contains($0) }
      guard !others.isEmpty else { return nil }
      return
        "the values \(MaskConventionError.text(others)) are not among the stated labels and count as no lesion"
    }
    guard convention == .grey else { return nil }
    let top = Int(values.distinct.last ?? 0)
    if (1...127).contains(top), !values.isLossy {
      return "its values go up to \(top) only, so it counts as empty"
    }
    guard values.middleShare > 0.05 else { return nil }
    return
      "\(Int(100 * values.middleShare)) % of the mask is grey, from 32 to 223; above 127 counts as lesion"
  }
}

/// The looks of the lesions of a site.
struct MaskLooks {
  /// The look of one mask.
  struct Look: Sendable {
    let file: ListedFile
    /// The share of the image that the lesion covers.
    let share: Double
    /// The share of the outermost pixels that are lesion.
    let borderShare: Double

    /// Measures a mask, bool H×W.
    init(_ file: ListedFile, _ mask: Tensor) throws {
      self.file = file
      let values = try mask.to(.float32)
      share = try values.mean().item()
      let (height, width) = (try values.size(0), try values.size(1))
      let sides = try [(0, 0, height), (0, height - 1, height), (1, 0, width), (1, width - 1, width)].map {
        try values.narrowed(dim: $0.0, start: $0.1, length: 1).flattened()
      }
      borderShare = try Tensor.concatenated(sides, dim: 0).mean().item()
    }

    /// Whether black and white may be exchanged: the ground around a lesion is marked.
    var looksInverted: Bool { share > 0.5 && share < 1 && borderShare > 0.95 }
    /// Whether the lesion fills nearly all of the image.
    var isFull: Bool { share >= 0.95 && !looksInverted }
  }

  private(set) var problems: [Inspection.Finding] = []
  private(set) var warnings: [Inspection.Finding] = []

  /// Judges the masks of a site; a fault of most of them is a problem of the site.
  init(_ site: String, _ looks: [Look]) {
    let marked = looks.filter { $0.share > 0 }
    func judge(_ subject: String, _ found: [Look], _ text: String, _ fix: String) {
      guard let first = found.first else { return }
      if 2 * found.count > marked.count, marked.count > 1 {
        problems.append(
          Inspection.Finding(
            subject,
            "\(first.file.url.deletingLastPathComponent().path): \(found.count) of \(marked.count) marked masks of "
              + "site \(site) \(text), such as \(first.file.url.lastPathComponent); \(fix)"))
      } else {
        warnings += found.map { Inspection.Finding(subject, "\($0.file.url.path): \(text); \(fix)") }
      }
    }
    judge(
      "inverted", marked.filter(\.looksInverted), "mark the border of the image and may be inverted",
      "exchange black and white if so")
    judge(
      "full", marked.filter(\.isFull), "mark nearly the whole image",
      "check that lesion and ground have different values")
  }
}
