import Foundation
import Segmentation
import Storage
import Torch

/// The way in which runs are joined into one.
public enum EnsembleAverage: String, NamedChoice, Sendable {
  /// The mean of the members' probabilities: as many passes as there are members.
  case outputs
  /// The mean of the members' weights: one model, one pass.
  ///
  /// Source: model soups (Wortsman et al., ICML 2022); they need members that began with the same
  /// weights.
  case weights
}

/// The members of an ensemble, and how they are joined; `ensemble.json`.
package struct Ensemble: Codable, Equatable, Sendable {
  /// One member.
  package struct Member: Codable, Equatable, Sendable {
    /// The name of its folder in `members`, a number from 1.
    package let folder: String
    /// The last two names of the path from which it was taken, for tables.
    package let run: String
  }

  /// The way in which they are joined.
  package let average: EnsembleAverage
  /// The members, from 2 to 100.
  package let members: [Member]

  /// The numbers of members that are possible.
  static let sizes = 2...100

  /// Whether the members have folders of their own, and their number is possible.
  fileprivate var isValid: Bool {
    Self.sizes.contains(members.count) && Set(members.map(\.folder)).count == members.count
      && members.allSatisfy { !$0.folder.isEmpty && $0.folder.utf8.allSatisfy { (0x30...0x39).contains($0) } }
  }
}

extension RunFolder {
  /// The file of the members of an ensemble; a run of its own has none.
  package var ensembleFile: URL { url.appendingPathComponent("ensemble.json") }
  /// The file of the tower's weights that all members share; missing if they share none.
  package var sharedWeightsFile: URL { url.appendingPathComponent("shared.safetensors") }

  /// The folder of a member: settings, prompts and fingerprint, and in an ensemble of outputs weights.
  package func member(_ member: Ensemble.Member) -> RunFolder {
    RunFolder(url.appendingPathComponent("members/\(member.folder)"))
  }

  /// Reads the members; nil for a run that is no ensemble.
  ///
  /// - Throws: `EnsembleError.unreadable` if the file is damaged, `FileError` if the system cannot read it.
  package func ensemble() throws -> Ensemble? {
    guard FileManager.default.fileExists(atPath: ensembleFile.path) else { return nil }
    let data = try Data(file: ensembleFile, limit: Data.documentLimit)
    guard let found = try? JSONDecoder().decode(Ensemble.self, from: data), found.isValid else {
      throw EnsembleError.unreadable(ensembleFile)
    }
    return found
  }
}

/// An error of an ensemble that cannot be made or used.
public enum EnsembleError: Error, Equatable, CustomStringConvertible {
  /// There are fewer than two runs.
  case tooFew(Int)
  /// There are more runs than an ensemble can have.
  case tooMany(Int)
  /// A run is named twice.
  case twice(URL)
  /// A run is an ensemble itself.
  case nested(URL)
  /// A run was trained on lists of images, which an ensemble does not keep.
  case lists(URL)
  /// Runs have different values of a setting that must be the same.
  case otherSetting(URL, name: String, value: String, first: URL, wanted: String)
  /// The tensors of runs differ in name, type or shape.
  case otherTensors(URL, first: URL, names: [String])
  /// The trainings of runs began with different weights.
  case otherAncestor(URL, first: URL, frozen: [String])
  /// The weights of runs read different words, or one of them leaves the intervention out.
  case otherReading(URL, first: URL, what: String)
  /// The file of the members is damaged.
  case unreadable(URL)
  /// An ensemble is to be used as one model, and has several.
  case severalModels(URL, count: Int)
  /// An ensemble is to be trained.
  case notTrainable(URL, action: String)

  /// One to three lines with the folder and the fix.
  public var description: String {
    switch self {
    case .lists(let url):
      "\(url.path): the run was trained on lists of images, which an ensemble does not keep; join runs that were split "
        + "by chance"
    case .tooFew(let count):
      "an ensemble has at least two runs, and \(count == 1 ? "one is" : "none is") named; name folds or seeds"
    case .tooMany(let count):
      "\(count) runs are named; an ensemble has at most \(Ensemble.sizes.upperBound)"
    case .twice(let url): "\(url.path): named twice; name different runs"
    case .nested(let url):
      "\(url.path): is an ensemble itself; name the runs that it was made of, or the folders in its members/"
    case .otherSetting(let url, let name, let value, let first, let wanted):
      "\(url.path): \(name) is \(value), and \(wanted) in \(first.path); an ensemble needs the same in all runs"
    case .otherTensors(let url, let first, let names):
      "\(url.path): its weights have another form than those of \(first.path): \(Self.list(names)); weights of "
        + "different models have no mean, join their outputs"
    case .otherAncestor(let url, let first, let frozen):
      "\(url.path): its training began with other weights than that of \(first.path) (fingerprint.json), as with "
        + "another seed or CLIP\(frozen.isEmpty ? "" : ": \(Self.list(frozen))"); their mean is no useful model, "
        + "join their outputs"
    case .otherReading(let url, let first, let what):
      "\(url.path): \(what) differ from those of \(first.path), so their weights have no mean; join their outputs"
    case .unreadable(let url): "\(url.path): cannot be read; make the ensemble again"
    case .severalModels(let url, let count):
      "\(url.path): is an ensemble of the outputs of \(count) models, and this needs one; use one of the folders in its "
        + "members/, or an ensemble of weights"
    case .notTrainable(let url, let action):
      "\(url.path): is an ensemble and cannot be \(action); train its members"
    }
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
  }
}

extension Run {
  /// Reads the members; nil for a run that is no ensemble.
  ///
  /// - Throws: `EnsembleError.unreadable`.
  package func ensemble() throws -> Ensemble? { try folder.ensemble() }

  /// Reads the settings of the members; nil for a run that is no ensemble.
  ///
  /// - Throws: an error that names the file of a member.
  package func memberSettings() throws -> [RunConfiguration]? {
    try ensemble()?.members.map(memberSettings)
  }

  /// Reads and checks the settings of a member.
  ///
  /// - Throws: an error that names the file.
  func memberSettings(_ member: Ensemble.Member) throws -> RunConfiguration {
    let place = folder.member(member)
    let settings = try place.configuration(methods: configuration.methods)
    do { try settings.validateValues() } catch {
      throw SettingsError.inFile(place.configurationFile.path, reason: "\(error)")
    }
    return settings
  }

  /// Returns the settings of the model whose weights the run stores.
  ///
  /// The sites of an ensemble are those of all members. Some methods have a part for each site, so the
  /// model has the sites of a member.
  ///
  /// - Throws: `EnsembleError.severalModels` for an ensemble of outputs.
  func modelSettings() throws -> RunConfiguration {
    guard let ensemble = try ensemble() else { return configuration }
    guard ensemble.average == .weights else {
      throw EnsembleError.severalModels(folder.url, count: ensemble.members.count)
    }
    var settings = configuration
    settings.sources = try memberSettings(ensemble.members[0]).sources
    return settings
  }

  /// Loads every model of the run, compiled for inference: one, or the members of an ensemble of outputs.
  ///
  /// Members with the same frozen tower share one.
  ///
  /// - Parameters:
  ///   - device: the device of the computation.
  ///   - precision: the arithmetic.
  /// - Returns: at least one model, and whether all read the features of the first.
  /// - Throws: an error that names the file of the run.
  func compiledSystems(
    on device: Device, for precision: Precision
  ) throws -> (systems: [CompiledSystem], shareTower: Bool) {
    guard let ensemble = try ensemble(), ensemble.average == .outputs else {
      return ([try compiledSystem(on: device, for: precision)], false)
    }
    let places = ensemble.members.map(folder.member)
    let shared = FileManager.default.fileExists(atPath: folder.sharedWeightsFile.path)
    let descriptions = try places.map { try ClipDescription($0).preparation }
    var systems: [CompiledSystem] = []
    var sharesAll = shared
    for (index, place) in places.enumerated() {
      var own = try memberSettings(ensemble.members[index])
      (own.inference, own.imageSize, own.framing) = (
        configuration.inference, configuration.imageSize, configuration.framing
      )
      let system = try SegmentationSystem.trained(
        place, own, on: device, lazily: device == .cpu, clip: clip,
        shared: shared ? folder.sharedWeightsFile : nil
      ).compiled(for: precision)
      guard let first = systems.first else {
        systems.append(system)
        sharesAll = try sharesAll && Self.sharesTower(place)
        continue
      }
      let isSame =
        try sharesAll && Self.sharesTower(place) && system.readsFeatures(like: first)
        && descriptions[index] == descriptions[0]
      sharesAll = isSame
      systems.append(isSame ? system.withTower(of: first) : system)
    }
    return (systems, sharesAll)
  }

  /// Whether a member stores no weights of the tower, because all members share them.
  private static func sharesTower(_ place: RunFolder) throws -> Bool {
    try !SafetensorsFile(place.weightsFile).entries.keys.contains {
      EarlierNames.tensorKey($0).hasPrefix(SegmentationSystem.towerPrefix)
    }
  }

  /// The fastest arithmetic here that keeps the Dice of validation; of an ensemble of outputs, if all
  /// members agree.
  ///
  /// The first call on a processor measures the time of each. It is nil if Dice was not measured.
  ///
  /// - Returns: the arithmetic.
  /// - Throws: `RunError.unreadablePrecision`.
  package func measuredPrecision() throws -> Precision? {
    guard let ensemble = try ensemble(), ensemble.average == .outputs else {
      return try measuredPrecision(in: folder)
    }
    let found = try ensemble.members.map { try measuredPrecision(in: folder.member($0)) }
    return Set(found).count == 1 ? found[0] : nil
  }

  private func measuredPrecision(in place: RunFolder) throws -> Precision? {
    guard let check = try PrecisionCheck.stored(in: place) else { return nil }
    guard [Precision.bfloat16, .int8].contains(where: check.keepsDice) else { return .float32 }
    return check.choice(
      try PrecisionSpeed.times(of: place, ClipDescription(place), imageSize: configuration.imageSize))
  }
}
