import Foundation
import Training

/// Where a study keeps its runs and their results.
package struct StudyFolder: Sendable {
  /// The folder.
  package let url: URL

  /// Names a study's folder; nothing is read or made.
  package init(_ url: URL) { self.url = url }

  /// The folder of one fold: the run that validation chose.
  package func run(_ fold: LeaveOneSiteOut.Fold) -> RunFolder { RunFolder(place("runs", fold)) }

  /// Where the candidates among which validation chooses are trained.
  func candidate(_ fold: LeaveOneSiteOut.Fold, _ index: Int) -> RunFolder {
    RunFolder(place("candidates", fold).appendingPathComponent("\(index)"))
  }

  /// What a fold came to.
  func resultFile(_ fold: LeaveOneSiteOut.Fold) -> URL {
    run(fold).url.appendingPathComponent("fold.json")
  }

  /// A fold's result; nil when there is none that can be read, or it was scored by other rules than the plan's.
  package func result(_ fold: LeaveOneSiteOut.Fold, of plan: StudyPlan) -> FoldResult? {
    guard let data = try? Data(contentsOf: resultFile(fold)),
      let result = try? JSONDecoder().decode(FoldResult.self, from: data),
      result.threshold == plan.threshold, result.reliability != nil,
      result.candidates.map(\.settings) == plan.candidates,
      result.images.allSatisfy({ $0.scores.tolerance == plan.tolerance && $0.scores.spacing == plan.spacing })
    else { return nil }
    return result
  }

  /// The results of a finished study.
  ///
  /// - Parameters:
  ///   - plan: what was trained.
  ///   - sites: the names of the sites.
  /// - Returns: one result a fold, in their order.
  /// - Throws: `StudyError` that names the first fold without a result.
  package func results(of plan: StudyPlan, sites: [String]) throws -> [FoldResult] {
    let folds = plan.folds(sites: sites)
    return try folds.map { fold in
      guard let result = result(fold, of: plan) else {
        let done = folds.count { self.result($0, of: plan) != nil }
        throw StudyError.unfinished(url, done: done, of: folds.count, first: resultFile(fold))
      }
      let settings = try run(fold).configuration(methods: plan.configuration.methods)
      guard try settings == plan.settings(fold, result.chosen, sites: sites) else {
        throw StudyError.otherSettings(run(fold).configurationFile, study: url)
      }
      return result
    }
  }

  private func place(_ kind: String, _ fold: LeaveOneSiteOut.Fold) -> URL {
    url.appendingPathComponent("\(kind)/\(fold.site)/\(fold.arm.name)-\(fold.seed)")
  }
}

extension StudyPlan {
  /// The folds in the order in which they are trained.
  package func folds(sites: [String]) -> [LeaveOneSiteOut.Fold] {
    sites.flatMap { site in
      seeds.flatMap { seed in arms.map { LeaveOneSiteOut.Fold(site: site, arm: $0, seed: seed) } }
    }
  }
}
