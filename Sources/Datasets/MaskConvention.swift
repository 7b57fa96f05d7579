import Foundation
import Imaging

/// The values of a mask file that are lesion.
public enum MaskConvention: Sendable, Equatable {
  /// Grey levels above 127, as in masks of 0 and 255, also with grey edges or as JPEG.
  case grey
  /// These values, by the levels or by the indices of the file.
  case values([Int], as: MaskFile.Meaning)

  /// How a file is read.
  var meaning: MaskFile.Meaning {
    if case .values(_, let meaning) = self { meaning } else { .grey }
  }
}

/// Masks whose values do not say what is lesion; each message names the file, the values, the fix.
public enum MaskConventionError: Error, Equatable, CustomStringConvertible {
  /// A mask is a label map, and nobody stated which labels are lesions.
  case labels(URL, values: [Int])
  /// A mask has a palette of colours, and nobody stated which indices are lesions.
  case palette(URL, indices: [Int])
  /// Two masks of one site use different values for the lesion.
  case mixed(URL, values: [Int], other: URL, otherValues: [Int])
  /// A mask has no clear black and white.
  case unclear(URL, values: [Int])
  /// Labels are stated, but no mask holds one that is a lesion.
  case noLesionLabel(URL, values: [Int], lesions: [Int])

  /// One or two lines.
  public var description: String {
    switch self {
    case .labels(let url, let values):
      "\(url.path): a label map of the values \(Self.text(values)); state which of them are lesion: "
        + Self.fix(values)
    case .palette(let url, let indices):
      "\(url.path): a mask of colours with the palette indices \(Self.text(indices)); state which of them are "
        + "lesion: " + Self.fix(indices)
    case .mixed(let url, let values, let other, let others):
      "\(url.path) holds \(Self.text(values)) and \(other.path) \(Self.text(others)), so the masks of one site "
        + "have two conventions; store all as 0 and 255, or state all values of lesions: "
        + Self.fix(values + others, areLesions: true)
    case .unclear(let url, let values):
      "\(url.path): the values \(Self.text(values)) have no clear black and white; store the mask as 0 and 255"
        + ", as PNG"
    case .noLesionLabel(let url, let values, let lesions):
      "\(url.path): the values \(Self.text(values)); no mask of its site holds a stated lesion "
        + "(\(Self.text(lesions))); correct the labels in sites.json5"
    }
  }

  /// The values of the message, or the first and last of many.
  static func text(_ values: [Int]) -> String {
    guard values.count > 8 else { return values.map(String.init).joined(separator: ", ") }
    return values.prefix(5).map(String.init).joined(separator: ", ") + ", … \(values.last ?? 0)"
  }

  private static func fix(_ values: [Int], areLesions: Bool = false) -> String {
    let labels = Set(values).subtracting([0]).sorted().prefix(4).enumerated().map { index, value in
      index == 0 ? "lesion: \(value)" : "\(areLesions ? "lesion" : "other")\(index): \(value)"
    }
    return "labels: { \(labels.joined(separator: ", ")) }"
      + (areLesions ? "" : ", lesions: [\"lesion\"]") + " in sites.json5"
  }
}

/// The convention of some masks, found from all their values.
package struct FoundConvention: Sendable, Equatable {
  /// The values that are lesion.
  package let convention: MaskConvention
  /// The convention in a few words.
  package let statement: String
  /// Whether some mask may show a lesion.
  package let hasLesion: Bool
}

extension FoundConvention {
  /// The most different values of a label map; masks with smooth edges have more.
  private static let mostLabels = 16

  /// The role of one mask.
  private enum Kind: Equatable {
    /// It says nothing about the convention.
    case neutral
    /// 0 and 255, or near them.
    case white(isExact: Bool)
    /// 0 and one other value.
    case single(Int)
    /// Several values that fill areas.
    case labels
    /// A few pixels of values up to 127, which are labels unless other masks have grey edges.
    case low(Int)
    /// Grey levels up to 127 alone.
    case faint
    /// A lossy file with areas of grey.
    case unclear
  }

  /// Finds the convention of the masks of one site, or of one side of a comparison.
  ///
  /// - Parameter files: the masks that can be read, with their values.
  /// - Throws: `MaskConventionError`.
  init(_ files: [(file: ListedFile, values: MaskValues)]) throws {
    let kinds = files.map { Self.kind($0.values) }
    func first(_ wanted: (Kind) -> Bool) -> (url: URL, values: [Int])? {
      kinds.firstIndex(where: wanted).map { (files[$0].file.url, files[$0].values.distinct.map(Int.init)) }
    }
    if let labels = first({ $0 == .labels }) {
      throw MaskConventionError.labels(labels.url, values: labels.values)
    }
    if let unclear = first({ $0 == .unclear }) {
      throw MaskConventionError.unclear(unclear.url, values: unclear.values)
    }
    let white = first { if case .white = $0 { true } else { false } }
    let isGrey = kinds.contains(.white(isExact: false)) || kinds.contains(.faint)
    if !isGrey, let low = first({ if case .low(let count) = $0 { count > 1 } else { false } }) {
      throw MaskConventionError.labels(low.url, values: low.values)
    }
    let singles = Dictionary(
      kinds.indices.compactMap { index in
        switch kinds[index] {
        case .single(let value): (value, files[index].file)
        case .low where !isGrey: (files[index].values.distinct.last.map(Int.init) ?? 0, files[index].file)
        default: nil
        }
      }, uniquingKeysWith: { first, _ in first }
    ).sorted { $0.key < $1.key }
    if let (value, file) = singles.first {
      let other = white ?? singles.dropFirst().first.map { ($0.value.url, [0, $0.key]) }
      if let other {
        throw MaskConventionError.mixed(
          file.url, values: [0, value], other: other.url, otherValues: other.values)
      }
      // A threshold of 127 and the value itself mean the same above 127.
      self.init(
        convention: value > 127 ? .grey : .values([value], as: .grey),
        statement: "0 and \(value), where \(value) is lesion", hasLesion: true)
      return
    }
    if white == nil, let faint = first({ $0 == .faint }) {
      throw MaskConventionError.unclear(faint.url, values: faint.values)
    }
    let hasLesion = white != nil || files.contains { $0.values.isBilevel && $0.values.distinct.last ?? 0 > 0 }
    self.init(
      convention: .grey,
      statement: files.isEmpty
        ? "no mask that can be read"
        : !hasLesion
          ? "all empty"
          : isGrey
            ? "0 to 255 with grey between, where above 127 is lesion" : "0 and 255, where 255 is lesion",
      hasLesion: hasLesion)
  }

  /// Checks the masks of a site whose labels are stated.
  ///
  /// - Parameters:
  ///   - files: the masks that can be read, with their values by index.
  ///   - lesions: the stated values of lesions.
  /// - Throws: `MaskConventionError.noLesionLabel`.
  init(_ files: [(file: ListedFile, values: MaskValues)], lesions: [Int]) throws {
    let hasLesion = files.contains { file in
      file.values.isBilevel && file.values.distinct.contains(1) && lesions.contains(255)
        || file.values.distinct.contains { lesions.contains(Int($0)) }
    }
    if !hasLesion, let other = files.first(where: { $0.values.distinct.last ?? 0 > 0 }), !lesions.isEmpty {
      // Other labels alone may be right in a few masks, but not in all of a site.
      throw MaskConventionError.noLesionLabel(
        other.file.url, values: other.values.distinct.map(Int.init), lesions: lesions)
    }
    self.init(
      convention: .values(lesions, as: .indices),
      statement: "labels, where \(MaskConventionError.text(lesions)) is lesion (stated)", hasLesion: hasLesion
    )
  }

  /// Finds the convention of the masks of one side of a comparison.
  ///
  /// - Parameters:
  ///   - urls: the files.
  ///   - stated: the stated convention; nil to find it.
  ///   - mayBeProbabilities: whether files of many grey levels are maps of probabilities.
  /// - Throws: `MaskConventionError`.
  package init(_ urls: [URL], stated: MaskConvention?, mayBeProbabilities: Bool) throws {
    guard stated != .grey else {
      self.init(convention: .grey, statement: "grey levels", hasLesion: true)
      return
    }
    if case .values(let lesions, _)? = stated {
      self = try MaskSurvey(urls, lesions: lesions).found()
      return
    }
    let survey = MaskSurvey(urls)
    let isMap = try survey.files().contains { file in
      switch file.values {
      case .success(let values): values.distinct.count > Self.mostLabels + 1 && !values.isLossy
      // A grey file of 16 bits with more than labels.
      case .failure(ImagingError.labelTooLarge): true
      case .failure: false
      }
    }
    guard mayBeProbabilities && isMap else {
      self = try survey.found()
      return
    }
    self.init(convention: .grey, statement: "grey levels, as probabilities", hasLesion: true)
  }

  private static func kind(_ values: MaskValues) -> Kind {
    let others = values.distinct.filter { $0 > 0 }
    guard let top = others.last, !values.isBilevel else { return .neutral }
    if values.isLossy {
      // The compression of black adds a little.
      if top < 32 { return .neutral }
      let hasGreyAreas = values.areas.contains { (32...223).contains($0) }
      let isMuchGrey = values.middleShare > 0.05
      if top < 224 ? hasGreyAreas || isMuchGrey : hasGreyAreas && isMuchGrey { return .unclear }
      return top > 127 ? .white(isExact: false) : .faint
    }
    if others == [255] { return .white(isExact: true) }
    if others.count == 1 {
      if top >= 224 { return .white(isExact: false) }
      return values.areas.isEmpty && top <= 127 ? .low(1) : .single(Int(top))
    }
    guard others.count <= mostLabels else { return top <= 127 ? .faint : .white(isExact: false) }
    if areLabels(values.areas, others) || values.greyShare > 0.25 { return .labels }
    return top <= 127 ? .low(others.count) : .white(isExact: false)
  }

  /// Returns whether areas of some values make a label map.
  ///
  /// Values near 0 beside others near 255 are what compression leaves of black and white.
  private static func areLabels(_ areas: [UInt8], _ values: [UInt8]) -> Bool {
    let isCompressed = values.contains { (224...254).contains($0) }
    return areas.contains { $0 < 32 ? !isCompressed : $0 < 224 }
  }
}
