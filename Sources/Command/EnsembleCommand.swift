import Foundation
import Storage
import Training

/// The command `mcdrl ensemble`.
enum EnsembleCommand: Subcommand {
  static let name = "ensemble"
  static let summary = "join folds or seeds into one run that predicts as their mean"
  static let example = "mcdrl ensemble runs/c1 runs/c2 runs/c3 runs/c4 --out runs/all"
  static let options = Options()
  static let operands = [
    Operand.oneOrMore("RUN", "a run folder", "run folders of mcdrl train or of a study, at least two")
  ]

  struct Options: OptionGroup {
    let out = Shared.out("RUN", "the new run folder, which holds all that it needs")
    let average = Option.value(
      "average", choices(EnsembleAverage.self), .choice(of: EnsembleAverage.self), default: .outputs,
      "outputs: the mean of the probabilities; weights: one model, of runs that began with the same weights")
  }

  private struct Summary: Encodable {
    let run: String
    let average: EnsembleAverage
    let members: [String]
    let sources: [String]
    let heldOut: String?

    enum CodingKeys: String, CodingKey {
      case run, average, members, sources
      case heldOut = "hold_out"
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (out, average) = (try arguments.out, try arguments.average)
    guard arguments.operands.count > 1 else {
      throw UsageError.inCall(.missingWords(["a second run folder"]), usage: fullUsage)
    }
    let runs = try arguments.operands.map { try ProjectFiles.run(at: URL(fileURLWithPath: $0)) }
    if RunFolder(out).exists { throw RunError.exists(out) }
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    guard OutputFolder.contents(out).isEmpty else { throw WorkError.folderNotEmpty(out) }
    let joined = try Run.joining(runs, at: out, average: average) { console.note("note: \($0)") }
    let settings = joined.configuration
    let members = try joined.ensemble()?.members.map(\.run) ?? []
    if console.json {
      return try console.result(
        json: Summary(
          run: out.path, average: average, members: members, sources: settings.sources,
          heldOut: settings.holdOut))
    }
    let held = settings.holdOut.map { "\($0) held out by all" } ?? "no site held out by all"
    console.result(
      "\(out.path): the mean of the \(average.rawValue) of \(counted(members.count, "run")) "
        + "(\(members.joined(separator: ", "))), trained on "
        + "\(settings.sources.joined(separator: ", ")); \(held)")
  }
}
