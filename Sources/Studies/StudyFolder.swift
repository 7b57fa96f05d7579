import Foundation
import Storage
import Training

/// The folder of a study, with its runs and results.
package struct StudyFolder: Sendable {
  /// The folder.
  package let url: URL

  /// Names the folder of a study; nothing is read or made.
  package init(_ url: URL) { self.url = url }

  /// Returns the folder of one fold: the run that validation chose.
  package func run(_ fold: LeaveOneSiteOut.Fold) -> RunFolder { RunFolder(place("runs", fold)) }

  /// Returns the folder of a candidate of the validation.
  func candidate(_ fold: LeaveOneSiteOut.Fold, _ index: Int) -> RunFolder {
    RunFolder(place("candidates", fold).appendingPathComponent("\(index)"))
  }

  /// Returns the folder of a candidate's run that held out one of the source sites.
  func inner(_ fold: LeaveOneSiteOut.Fold, _ index: Int, heldOut site: String) -> RunFolder {
    RunFolder(place("candidates", fold).appendingPathComponent("\(index)/\(site)"))
  }

  /// Returns the result file of a fold.
  func resultFile(_ fold: LeaveOneSiteOut.Fold) -> URL {
    run(fold).url.appendingPathComponent("fold.json")
  }

  /// The folder in which processes claim folds; it is there in a study that was planned for several.
  package var claims: URL { url.appendingPathComponent("claims") }

  /// Returns the folder of the claim of one fold.
  func claim(_ fold: LeaveOneSiteOut.Fold) -> URL { place("claims/folds", fold) }

  /// Whether processes claim the folds that they train.
  package var hasClaims: Bool { FileSystem.kind(of: claims) == .folder }

  /// Reads the result of a fold.
  ///
  /// It is nil if there is no readable result, or if its scoring rules differ from the plan's.
  package func result(_ fold: LeaveOneSiteOut.Fold, of plan: StudyPlan) -> FoldResult? {
    guard let data = try? Data(file: resultFile(fold)),
      let result = try? JSONDecoder().decode(FoldResult.self, from: data),
      result.candidates.map(\.settings) == plan.candidates, result.reliability != nil,
      (try? plan.marks(fold.arm, result.chosen, by: result.threshold)) == true,
      result.images.allSatisfy({ $0.scores.tolerance == plan.tolerance && $0.scores.spacing == plan.spacing })
    else { return nil }
    return result
  }

  /// Reads the results of a finished study.
  ///
  /// - Parameters:
  ///   - plan: the plan of the study.
  ///   - sites: the names of the sites.
  /// - Returns: one result per fold, in their order.
  /// - Throws: `StudyError` that names the first fold without a result.
  package func results(of plan: StudyPlan, sites: [String]) throws -> [FoldResult] {
    let folds = plan.folds(sites: sites)
    return try folds.map { fold in
      guard let result = result(fold, of: plan) else {
        let done = folds.count { self.result($0, of: plan) != nil }
        throw StudyError.unfinished(url, done: done, of: folds.count, first: resultFile(fold))
      }
      let settings = try run(fold).configuration(methods: plan.configuration.methods)
      let wanted = try plan.settings(fold, result.chosen, sites: sites)
      guard settings == wanted else {
        throw StudyError.otherSettings(
          run(fold).configurationFile, study: url, differences: try wanted.changes(from: settings))
      }
      return result
    }
  }

  private func place(_ kind: String, _ fold: LeaveOneSiteOut.Fold) -> URL {
    url.appendingPathComponent("\(kind)/\(fold.site)/\(fold.arm.name)-\(fold.seed)")
  }
}

extension StudyPlan {
  /// Returns the folds in the order of training.
  package func folds(sites: [String]) -> [LeaveOneSiteOut.Fold] {
    sites.flatMap { site in
      seeds.flatMap { seed in arms.map { LeaveOneSiteOut.Fold(site: site, arm: $0, seed: seed) } }
    }
  }
}
