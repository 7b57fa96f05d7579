import Datasets
import Foundation
import Imaging
import Metrics
import Storage
import Torch

/// The predictions and references of `mcdrl metrics`, paired, with the values that are lesion.
struct MaskPairs {
  /// A prediction and its reference.
  struct Pair {
    let name: String
    let prediction: URL
    let reference: URL
  }

  /// The values of both sides in a few words.
  struct Statement: Encodable {
    let prediction: String
    let reference: String
  }

  /// The endings that `mcdrl predict` adds to names when it writes several formats.
  private enum Ending: String, CaseIterable {
    case none = ""
    case mask = "-mask"
    case probability = "-probability"
  }

  /// The pairs, by name.
  let pairs: [Pair]
  /// Whether folders were given and not files.
  let areFolders: Bool
  /// What the user should know about the files.
  private(set) var notes: [String] = []
  /// Whether the names say that predictions are probabilities.
  private var areProbabilities = false

  /// Pairs two files, or the files of two folders by their stems.
  ///
  /// - Parameters:
  ///   - prediction: a file or folder.
  ///   - reference: a file or folder.
  ///   - prefersProbabilities: whether the scores need probabilities.
  /// - Throws: an error that names the folder or the missing prediction.
  init(_ prediction: URL, _ reference: URL, prefersProbabilities: Bool) throws {
    func isFolder(_ url: URL) -> Bool { FileSystem.kind(of: url) == .folder }
    areFolders = isFolder(prediction)
    guard areFolders == isFolder(reference) else {
      throw UsageError.imageAndFolder("prediction", "reference")
    }
    guard areFolders else {
      let name = prediction.deletingPathExtension().lastPathComponent
      areProbabilities = name.hasSuffix(Ending.probability.rawValue)
      pairs = [Pair(name: name, prediction: prediction, reference: reference)]
      return
    }
    let (predictions, references) = (try ImageFolder(prediction), try ImageFolder(reference))
    guard !references.images.isEmpty else {
      throw WorkError.noImages(reference, wanted: "the reference masks")
    }
    func missing(_ ending: Ending) -> [String] {
      references.images.keys.filter { predictions.images[$0 + ending.rawValue] == nil }
    }
    let order: [Ending] = prefersProbabilities ? [.none, .probability, .mask] : [.none, .mask, .probability]
    let ending = order.first { missing($0).isEmpty } ?? .none
    guard missing(ending).isEmpty else {
      throw WorkError.missingPredictions(
        prediction, references: reference, missing: missing(ending).sorted(), of: references.images.count)
    }
    areProbabilities = ending == .probability
    pairs = references.images.sorted { $0.key < $1.key }.compactMap { stem, file in
      predictions.images[stem + ending.rawValue].map { Pair(name: stem, prediction: $0, reference: file) }
    }
    if ending != .none { notes.append("predictions are the files that end in \(ending.rawValue)") }
    let unused = Set(predictions.images.values).subtracting(pairs.map(\.prediction))
      .map(\.lastPathComponent).sorted()
    if let first = unused.first {
      notes.append(
        "left out: " + counted(unused.count, "prediction") + " without a reference, such as \(first)")
    }
    let strays = predictions.others.filter { $0.lastPathComponent != PredictCommand.recordName }
    for other in [strays, references.others] where !other.isEmpty {
      notes.append(
        "left out: " + counted(other.count, "file")
          + " without the ending of an image, such as \(other[0].path)")
    }
  }

  /// Finds the values of both sides that are lesion.
  ///
  /// - Parameters:
  ///   - prediction: the stated values; nil to find them.
  ///   - reference: the stated values; nil to find them.
  /// - Returns: a reader of pairs.
  /// - Throws: `WorkError.maskValues` with the option that states values.
  func reader(prediction: MaskConvention?, reference: MaskConvention?) throws -> Reader {
    let predictions = try Self.convention(
      pairs.map(\.prediction), areProbabilities ? .grey : prediction, "prediction")
    return Reader(
      prediction: predictions, reference: try Self.convention(pairs.map(\.reference), reference, "reference"))
  }

  private static func convention(
    _ urls: [URL], _ stated: MaskConvention?, _ side: String
  ) throws -> FoundConvention {
    do {
      return try FoundConvention(urls, stated: stated, mayBeProbabilities: side == "prediction")
    } catch let error as MaskConventionError {
      throw WorkError.maskValues(error, option: "--\(side)-values")
    }
  }

  /// Reads pairs.
  struct Reader {
    let prediction: FoundConvention
    let reference: FoundConvention

    /// The values in a few words.
    var statement: Statement {
      Statement(prediction: prediction.statement, reference: reference.statement)
    }

    /// Reads the grey levels of a prediction and its reference, which must have the same size.
    func read(_ pair: Pair) throws -> (ProbabilityMap, BinaryMask) {
      let reader = SampleReader(size: 1)
      let wanted = try reader.mask(pair.reference, as: reference.convention)
      let levels: GreyMap.Levels
      if prediction.convention == .grey {
        levels = try GreyMap.levels(pair.prediction)
      } else {
        let mask = try reader.mask(pair.prediction, as: prediction.convention)
        levels = .bytes(try Image((mask.to(.float32) * 255).to(.uint8).expandedDimension(0)))
      }
      guard [levels.height, levels.width] == wanted.shape else {
        throw DatasetError.sizeMismatch(
          image: pair.prediction, imageSize: [levels.width, levels.height], mask: pair.reference,
          maskSize: wanted.shape.reversed())
      }
      let found =
        switch levels {
        case .bytes(let image):
          try ProbabilityMap(width: image.width, height: image.height, levels: image.pixels)
        case .words(let words, let width, let height):
          try ProbabilityMap(width: width, height: height, words: words)
        }
      return (found, try BinaryMask(wanted))
    }
  }
}

extension ValueForm where Value == MaskConvention {
  /// The values of lesions with commas, or `grey` for grey levels above the threshold.
  static var maskValues: ValueForm {
    ValueForm(
      read: { word in
        guard word != "grey" else { return .grey }
        let values = word.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard values.allSatisfy({ $0.map((0...255).contains) ?? false }) else {
          throw WrongValue.needs("values from 0 to 255 with commas are needed, or grey")
        }
        return .values(values.compactMap { $0 }, as: .indices)
      },
      text: { convention in
        guard case .values(let values, _) = convention else { return "grey" }
        return values.map(String.init).joined(separator: ",")
      })
  }
}
