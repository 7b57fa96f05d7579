import Foundation
import Imaging
import Storage
import Torch

/// Classes that the data do not show; each message names the class and the fix.
public enum ClassError: Error, Equatable, CustomStringConvertible {
  /// A site states no values of its label maps.
  case noLabels(site: String, classes: [String])
  /// A site states no value for a class.
  case unknown(String, site: String, known: [String])
  /// A class has the value of the background.
  case background(String, site: String)
  /// No mask of some sites shows a class.
  case absent(String, folder: URL, sites: [String])
  /// One mask is asked of a run that segments several classes.
  case several([String])

  /// One or two lines.
  public var description: String {
    switch self {
    case .noLabels(let site, let classes):
      "site \(site) states no labels, but the setting classes asks for \(Self.list(classes)); state their mask "
        + "values in sites.json5, such as labels: { \"\(classes.first ?? "polyp")\": 1 }"
    case .unknown(let name, let site, let known):
      "site \(site) states no label \"\(name)\", which the setting classes names; it has \(Self.list(known)). "
        + "Add its value to labels in sites.json5 (any unused value if no mask of the site shows it)"
    case .background(let name, let site):
      "site \(site): the label \"\(name)\" is 0, the background, so it cannot be a class; give it another value "
        + "in sites.json5, or take it out of the setting classes"
    case .absent(let name, let folder, let sites):
      "\(folder.path): no mask of \(sites.joined(separator: ", ")) shows the class \"\(name)\", so there is nothing "
        + "to learn; correct its value in sites.json5, or take it out of the setting classes"
    case .several(let classes):
      "the run segments \(classes.count) classes (\(Self.list(classes))), not one; ask for a mask each"
    }
  }

  private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}

/// How often a stated label occurs in the masks of a site.
package struct LabelCount: Encodable, Equatable, Sendable {
  /// The name of the label.
  package let name: String
  /// Its value.
  package let value: Int
  /// The number of masks that show it.
  package let images: Int
  /// The number of its pixels in all masks.
  package let pixels: Int
}

extension Sample {
  /// Returns the mask value of each class.
  ///
  /// - Parameter classes: names among the stated labels.
  /// - Returns: a value from 1 to 255 for each.
  /// - Throws: `ClassError` that names the site.
  func values(of classes: [String]) throws -> [Int] {
    guard let labels else { throw ClassError.noLabels(site: site, classes: classes) }
    return try classes.map { name in
      guard let value = labels[name] else {
        throw ClassError.unknown(name, site: site, known: labels.keys.sorted())
      }
      guard value != 0 else { throw ClassError.background(name, site: site) }
      return value
    }
  }
}

extension SampleReader {
  /// Reads a label map as a mask for each value: bool, K×H×W, or H×W for one value.
  func masks(_ url: URL, values: [Int]) throws -> Tensor {
    let content = try MaskFile.content(url, as: .indices, limits: limits)
    let masks = try values.map { try Self.mask(content, as: .values([$0], as: .indices)) }
    return masks.count == 1 ? masks[0] : try Tensor.stacked(masks)
  }

  /// Returns the mask of an image without any lesion: bool, K×H×W, or H×W for one mask.
  ///
  /// - Parameter shape: height and width.
  /// - Returns: the mask.
  /// - Throws: `TorchError` if memory is short.
  package func emptyMask(_ shape: [Int]) throws -> Tensor {
    try .zeros((maskCount > 1 ? [maskCount] : []) + shape, dtype: .bool)
  }
}

extension Tensor {
  /// The pixels that any class marks: bool, K×H×W → H×W; a mask of H×W as it is.
  ///
  /// - Throws: `TorchError` for another rank.
  package func anyClass() throws -> Tensor {
    guard rank > 2 else { return self }
    return try maskOfEachClass().reduce(selected(dim: 0, index: 0)) { try $0.or($1) }
  }

  /// The masks or maps of the classes in order, H×W each; one of H×W as it is.
  ///
  /// - Throws: `TorchError` for another rank.
  package func maskOfEachClass() throws -> [Tensor] {
    guard rank > 2 else { return [self] }
    return try (0..<size(0)).map { try selected(dim: 0, index: $0) }
  }
}

extension Site {
  /// Checks that the site states a value for each class.
  ///
  /// - Throws: `ClassError` that names the site.
  package func requireClasses(_ classes: [String]) throws {
    guard !classes.isEmpty else { return }
    for sample in allSamples.prefix(1) { _ = try sample.values(of: classes) }
  }

  /// Counts the stated labels in all masks of the site, with those of its test images.
  ///
  /// - Returns: the labels by value; nil if none are stated.
  /// - Throws: never for a mask that cannot be read, which does not count.
  package func labelCounts(limits: ImageLimits = .default) throws -> [LabelCount]? {
    guard let survey, let labels = allSamples.first?.labels else { return nil }
    let values = try survey.files(limits: limits).compactMap { try? $0.values.get() }
    return labels.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { name, value in
      let pixels = values.map { $0.pixels(of: value) }
      return LabelCount(
        name: name, value: value, images: pixels.count { $0 > 0 }, pixels: pixels.reduce(0, +))
    }
  }

  /// Returns the values of the masks that no label states, in order; they count as background.
  ///
  /// - Throws: never for a mask that cannot be read, which does not count.
  package func unstatedValues(limits: ImageLimits = .default) throws -> [Int] {
    guard let survey, let labels = survey.labels else { return [] }
    let values = try survey.files(limits: limits).compactMap { try? $0.values.get() }
    return Set(values.filter { !$0.isBilevel }.flatMap(\.distinct).map(Int.init))
      .subtracting(labels + [0]).sorted()
  }
}

extension MaskValues {
  /// Returns the number of pixels of a label; the white of a 1-bit file is 1 and 255.
  fileprivate func pixels(of label: Int) -> Int {
    zip(distinct, pixels ?? []).reduce(0) { sum, entry in
      let isLabel = isBilevel ? entry.0 > 0 && (label == 1 || label == 255) : Int(entry.0) == label
      return sum + (isLabel ? entry.1 : 0)
    }
  }
}
