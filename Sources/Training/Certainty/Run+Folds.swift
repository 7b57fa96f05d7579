import Foundation
import Storage

extension Run {
  /// Reads what folds expected and found at the sites that they held out.
  ///
  /// Folds that held out the same site as this run are left out: the run will be scored there.
  ///
  /// - Parameters:
  ///   - runs: the folds.
  ///   - inference: the settings with which this run is calibrated.
  /// - Returns: the errors, and a sentence for each fold that is left out.
  /// - Throws: `FoldError` that names the fold that cannot be used, or an error that names a file.
  package func foldErrors(
    _ runs: [Run], inference: InferenceConfiguration
  ) throws -> (errors: FoldErrors, notes: [String]) {
    var (folds, notes): ([FoldErrors.Fold], [String]) = ([], [])
    for run in runs {
      let folder = run.folder.url
      let method = (own: configuration.model.method.name, other: run.configuration.model.method.name)
      guard method.own == method.other else {
        throw FoldError.otherMethod(folder, method: method.other, wanted: method.own)
      }
      guard let site = run.configuration.holdOut else { throw FoldError.noSite(folder) }
      guard site != configuration.holdOut else {
        notes.append("\(folder.path): held out \(site) as the run itself did; left out of the correction")
        continue
      }
      folds.append(try run.foldError(at: site, inference: inference))
    }
    guard !folds.isEmpty else { throw FoldError.noneLeft(site: configuration.holdOut ?? "") }
    return (FoldErrors(folds), notes)
  }

  /// Reads what this fold expected and found at its held-out site.
  private func foldError(at site: String, inference: InferenceConfiguration) throws -> FoldErrors.Fold {
    guard let calibration = try Calibration.stored(in: folder) else {
      throw FoldError.notCalibrated(folder.calibrationFile)
    }
    let file = folder.evaluationFile(of: site)
    guard FileSystem.kind(of: file) != nil else { throw FoldError.notEvaluated(file, run: folder.url) }
    let stored = try StoredEvaluation(contentsOf: file)
    guard let certainty = stored.certainty, let error = certainty.error,
      let expected = certainty.expected?.dice, certainty.model ?? calibration.model == calibration.model
    else { throw FoldError.evaluatedBefore(file, run: folder.url) }
    guard stored.heldOut, stored.site == site else { throw FoldError.notHeldOut(file, site: site) }
    guard let own = stored.inference, calibration.hasSamePasses(as: own),
      calibration.inference.rule == own.rule
    else { throw FoldError.evaluatedOtherwise(file, run: folder.url) }
    // Runs that chose their rules in the same way have rules of their own.
    let choseAlike = inference.choose != .none && inference.choose == own.choose
    guard calibration.hasSamePasses(as: inference), own.rule == inference.rule || choseAlike else {
      throw FoldError.otherInference(folder.url)
    }
    let fold = FoldErrors.Fold(
      site: site, expected: certainty.uncorrected ?? expected, dice: min(1, max(0, expected + error)))
    guard FoldErrors([fold]).isUsable else { throw FoldError.evaluatedBefore(file, run: folder.url) }
    return fold
  }
}

/// A fold whose error at its held-out site cannot correct a calibration.
package enum FoldError: Error, Equatable, CustomStringConvertible {
  /// The fold is of another method.
  case otherMethod(URL, method: String, wanted: String)
  /// The fold held no site out.
  case noSite(URL)
  /// The fold has no calibration.
  case notCalibrated(URL)
  /// The fold was not scored at its held-out site.
  case notEvaluated(URL, run: URL)
  /// The scores do not hold an expected Dice, or are of other weights.
  case evaluatedBefore(URL, run: URL)
  /// The scores are not of the held-out site, or the fold was trained on images of it.
  case notHeldOut(URL, site: String)
  /// The scores are of other settings of inference than the calibration of the fold.
  case evaluatedOtherwise(URL, run: URL)
  /// The fold has other settings of inference than the run.
  case otherInference(URL)
  /// Every fold held out the site of the run.
  case noneLeft(site: String)

  /// The folder or file, and the fix.
  package var description: String {
    switch self {
    case .otherMethod(let folder, let method, let wanted):
      "\(folder.path): is a run of \(method), not of \(wanted); give --folds runs of the same method"
    case .noSite(let folder):
      "\(folder.path): held no site out, so it says nothing about a new one; give --folds runs of "
        + "mcdrl train --hold-out"
    case .notCalibrated(let file):
      "\(file.path): not found, so the fold expects no Dice; call mcdrl calibrate, then mcdrl evaluate for "
        + file.deletingLastPathComponent().path
    case .notEvaluated(let file, let run):
      "\(file.path): not found, so the error of the fold is unknown; call mcdrl evaluate \(run.path)"
    case .evaluatedBefore(let file, let run):
      "\(file.path): holds no expected Dice of the run as it is now; call mcdrl evaluate \(run.path)"
    case .notHeldOut(let file, let site):
      "\(file.path): holds no scores of \(site) as a held-out site; give --folds runs that were trained on "
        + "none of its images, and evaluate them there"
    case .evaluatedOtherwise(let file, let run):
      "\(file.path): is of other flips, turns, scales or rule of masks than the calibration of the fold; "
        + "call mcdrl evaluate \(run.path) without --set and --threshold"
    case .otherInference(let folder):
      "\(folder.path): predicts with other flips, turns, scales or rule of masks than the run to calibrate; "
        + "give --folds runs with the same inference settings"
    case .noneLeft(let site):
      "every run of --folds held out \(site), as the run itself did; add folds that held out other sites"
    }
  }
}

extension RunFolder {
  /// The scores at a site.
  package func evaluationFile(of site: String) -> URL {
    url.appendingPathComponent("evaluation-\(site).json")
  }
}
