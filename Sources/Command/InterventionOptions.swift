import Confounders
import Foundation
import Studies
import Training

/// The options for scores under do(z) on the images of a site.
struct InterventionOptions: OptionGroup {
  let interventions = Option.commas(
    "interventions", "all|NAME", .text,
    "score under do(z): change the images by the mechanism of all confounders, or of the named ones")
  let prompts = Option.optional(
    "prompts", "FILE", .text, remark: "that of the first run",
    "the prompt file of the mechanisms, or its name in mcdrl prompts list")
  let strength = Option.value(
    "strength", "S", .probability, default: 1, "how strongly --interventions sets a confounder, 0 to 1")
}

extension Arguments<InterventionOptions> {
  /// Whether scores under do(z) are wanted.
  var areWanted: Bool { get throws { try !self.interventions.isEmpty } }

  /// The given options, as written.
  var written: [String] {
    [written(\.interventions), written(\.prompts), written(\.strength)].compactMap { $0 }
  }

  /// Refuses options that say how to set confounders if none is set.
  ///
  /// - Throws: `UsageError` that names the option.
  func requireUse() throws {
    guard try !areWanted, let other = written.first else { return }
    let words = other.dropFirst(2).split(separator: " ", maxSplits: 1).map(String.init)
    throw UsageError.rejected(
      option: words[0], text: words.count > 1 ? words[1] : nil,
      reason: "it only says how --interventions sets confounders; add --interventions all, or leave it out")
  }

  /// Finds the interventions.
  ///
  /// - Parameter contest: the runs. The prompts of the first have the mechanisms, unless another file
  ///   is named.
  /// - Returns: the interventions, and their description.
  /// - Throws: `UsageError` that names a confounder that cannot be set, or the prompt file.
  func resolved(
    for contest: Contest
  ) throws -> (plan: Predictor.InterventionPlan, setting: Counterfactual.Setting) {
    let run = contest.arms[0].runs[0]
    var (prompts, file, shown) = (run.prompts, run.folder.promptsFile.path, contest.sharedPrompts)
    if let name = try self.prompts {
      let named = try ProjectFiles.promptSet(name)
      (prompts, file, shown) = (named.prompts, named.file?.path ?? name, nil)
    }
    let interventions = Interventions(prompts)
    let chosen = try Self.chosen(self.interventions, among: interventions, in: file)
    let entries = prompts.confounders
    let (strength, seed) = (try self.strength, try common.seed)
    return (
      Predictor.InterventionPlan(interventions, confounders: chosen, strength: strength, seed: seed),
      Counterfactual.Setting(
        prompts: shown ?? file, strength: strength, seed: seed,
        applied: chosen.map {
          .init(confounder: entries[$0].name, mechanism: entries[$0].mechanism?.rawValue ?? "")
        })
    )
  }

  /// Returns the confounders of these names; for `all`, those with a mechanism.
  private static func chosen(
    _ names: [String], among interventions: Interventions, in file: String
  ) throws -> [Int] {
    let available = interventions.available
    guard !available.isEmpty else {
      throw UsageError.rejected(
        option: "interventions", text: nil,
        reason:
          "\(file): no confounder has a mechanism, so none can be set; name another file with --prompts, "
          + "or give at least one a mechanism, such as mechanism: \"blur\"")
    }
    guard names != ["all"] else { return available }
    let known = available.map { interventions.names[$0] }
    return try names.map { name in
      if let index = available.first(where: { interventions.names[$0] == name }) { return index }
      guard interventions.names.contains(name) else {
        throw UsageError.wrongValue(option: "interventions", text: name, .unknown(known: ["all"] + known))
      }
      throw UsageError.rejected(
        option: "interventions", text: name,
        reason: "this confounder has no mechanism in \(file); give it one there, or use "
          + UsageError.list(known, last: "or"))
    }
  }
}
