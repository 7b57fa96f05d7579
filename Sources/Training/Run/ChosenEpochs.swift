import Foundation
import Storage

/// The number of epochs of a final model, from the epochs that validation chose in runs which hold a
/// site out.
///
/// It is the median of the chosen epochs; of two middle ones their mean, a half rounded up. The final
/// model is trained for as many epochs, its learning rate falls over them, and the last epoch (or the
/// average of the weights) is the model.
package struct ChosenEpochs: Sendable {
  /// The chosen epoch of each run, counted from 1.
  package let epochs: [Int]
  /// Their median.
  package let median: Int

  /// Takes the chosen epochs of runs.
  ///
  /// All settings of the runs must be those of the final model, except data, sites, lists, seed, CLIP
  /// folder (which may differ by site), epochs, early stopping, the choice of the epoch, the share of
  /// the validation, inference and device.
  ///
  /// - Parameters:
  ///   - runs: the runs, at least one.
  ///   - settings: the settings of the final model.
  /// - Throws: `ChosenEpochsError` that names the run and the setting.
  package init(_ runs: [Run], for settings: RunConfiguration) throws {
    guard !runs.isEmpty else { throw ChosenEpochsError.noRun }
    epochs = try runs.map { run in
      guard run.configuration.holdOut != nil else { throw ChosenEpochsError.holdsNothingOut(run.folder.url) }
      if let site = settings.holdOut, run.configuration.sources.contains(site) {
        throw ChosenEpochsError.knowsHeldOut(run.folder.url, site: site)
      }
      try Self.requireSame(run, settings)
      guard FileManager.default.fileExists(atPath: run.folder.weightsFile.path) else {
        throw ChosenEpochsError.unfinished(run.folder.url)
      }
      let history = try run.history()
      guard run.configuration.isFinished(history) else {
        throw ChosenEpochsError.unfinished(run.folder.url)
      }
      guard run.configuration.selection != .last, let chosen = history.last(where: \.best),
        chosen.score(by: run.configuration.selection) != nil
      else { throw ChosenEpochsError.notChosen(run.folder.url) }
      return chosen.epoch
    }
    median = Self.median(epochs)
  }

  /// Returns the median of numbers, at least one.
  static func median(_ numbers: [Int]) -> Int {
    let sorted = numbers.sorted()
    let (low, high) = (sorted[(sorted.count - 1) / 2], sorted[sorted.count / 2])
    return (low + high + 1) / 2
  }

  /// Sets the number of epochs, and makes the last one the model.
  package func apply(to settings: inout RunConfiguration) {
    (settings.epochs, settings.restarts) = (median, [])
    (settings.selection, settings.patience) = (.last, 0)
  }

  private static func requireSame(_ run: Run, _ settings: RunConfiguration) throws {
    var own = run.configuration
    guard own.model.method.name == settings.model.method.name else {
      throw ChosenEpochsError.otherMethod(
        run.folder.url, own: own.model.method.name, wanted: settings.model.method.name)
    }
    (own.data, own.holdOut, own.sources) = (settings.data, settings.holdOut, settings.sources)
    (own.seed, own.clip) = (settings.seed, settings.clip)
    (own.epochs, own.restarts) = (settings.epochs, settings.restarts)
    (own.patience, own.selection) = (settings.patience, settings.selection)
    (own.validationShare, own.inference) = (settings.validationShare, settings.inference)
    (own.device, own.maxPixels) = (settings.device, settings.maxPixels)
    guard own == settings else {
      throw ChosenEpochsError.otherSettings(run.folder.url, differences: try settings.changes(from: own))
    }
  }
}

/// Runs whose chosen epochs say nothing of a final model.
package enum ChosenEpochsError: Error, Equatable, CustomStringConvertible {
  /// No run is named.
  case noRun
  /// A run holds no site out.
  case holdsNothingOut(URL)
  /// A run was trained on the site that is held out now.
  case knowsHeldOut(URL, site: String)
  /// A run is not trained to its end.
  case unfinished(URL)
  /// A run did not choose its epoch by validation.
  case notChosen(URL)
  /// A run has another method.
  case otherMethod(URL, own: String, wanted: String)
  /// A run has other settings.
  case otherSettings(URL, differences: [String])
  /// A study has no arm of the method.
  case noArm(URL, method: String, known: [String])

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .noRun: "there is no run to take the epochs from; name runs, or a study with finished folds"
    case .holdsNothingOut(let url):
      "\(url.path): holds no site out, so its epochs were chosen at known sites; give runs that each hold a site out"
    case .knowsHeldOut(let url, let site):
      "\(url.path): was trained on \(site), which would choose the epochs of a run that holds it out; leave "
        + "--hold-out away, or give runs that never saw \(site)"
    case .unfinished(let url):
      "\(url.path): not trained to its end, so validation has not chosen its epoch; finish it first"
    case .notChosen(let url):
      "\(url.path): validation did not choose its epoch (no score, or selection=last); give runs with validation "
        + "images"
    case .otherMethod(let url, let own, let wanted):
      "\(url.path): has the method \(own), not \(wanted); give runs of the same method"
    case .otherSettings(let url, let differences):
      "\(url.path): \(differences.joined(separator: ", ")); the epochs of other settings say nothing; give the same "
        + "settings, or state the epochs"
    case .noArm(let url, let method, let known):
      "\(url.path): no arm of the study has the method \(method); the methods are "
        + known.joined(separator: ", ")
    }
  }
}
