import Datasets
import Torch

/// A command: its name, its options and its work.
protocol Subcommand {
  /// The options that the command reads.
  associatedtype Options: OptionGroup
  /// The words of the name, such as `clip embed`.
  static var name: String { get }
  /// The summary for the overview, one line.
  static var summary: String { get }
  /// The words after the name, such as `RUN --out DIR`.
  static var usage: String { get }
  /// An example call that works.
  static var example: String { get }
  /// The command's own options.
  static var options: Options { get }
  /// The options that every command takes, with this command's defaults.
  static var common: CommonOptions { get }
  /// The words that the command takes in addition to options.
  static var operands: [Operand] { get }
  /// The lists at the end of the help.
  static var sections: [Help.Section] { get }
  /// Whether the processes that `torchrun` starts share the work; otherwise several are refused.
  static var sharesWork: Bool { get }
  /// Does the work.
  static func run(_ arguments: Arguments<Options>, _ console: Console) throws
}

extension Subcommand {
  /// The common options of a command that computes on the CPU.
  static var common: CommonOptions { CommonOptions(choosesDevice: false) }

  /// One process does the work.
  static var sharesWork: Bool { false }

  /// No operands.
  static var operands: [Operand] { [] }

  /// No lists.
  static var sections: [Help.Section] { [] }

  /// The operands and the required options.
  static var usage: String {
    let declarations = options.declarations
    let required = declarations.filter(\.isRequired)
    return
      (operands.map(\.usage) + required.map(\.usage)
      + (required.count < declarations.count ? ["[options]"] : [])).joined(separator: " ")
  }

  /// The name and the usage.
  static var fullUsage: String { usage.isEmpty ? name : "\(name) \(usage)" }

  /// The command's own options, without their type.
  static var optionGroup: any OptionGroup { options }

  /// Reads the command line and does the work.
  ///
  /// - Parameter words: the words after the name.
  /// - Throws: `UsageError` for a wrong command line, and the errors of the work.
  static func call(_ words: [String]) throws {
    let processes = ManyProcesses()
    let arguments: Arguments<Options>
    do {
      arguments = try Arguments(words, options, common: common, operands: operands)
    } catch let error as UsageError {
      throw processes.once(UsageError.inCall(error, usage: fullUsage))
    }
    let common = arguments.common
    try processes.require(name, among: MCDRLCommand.subcommands.filter { $0.sharesWork }.map { $0.name })
    if let threads = try common.threads ?? processes.threads { try Machine.setThreads(threads) }
    Machine.shareProcessors()
    ImageMemory.shared.limit = ImageMemory.shared.limit / processes.local
    do { try run(arguments, Console(json: common.json, quiet: common.quiet)) } catch {
      throw processes.once(error)
    }
  }
}
