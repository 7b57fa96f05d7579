import Foundation
import Storage
import Torch

/// The entry: finds the command, runs it, turns errors into messages and exit codes.
@main
enum MCDRLCommand {
  static let version = packageVersion
  static var subcommands: [any Subcommand.Type] {
    [
      DoctorCommand.self, DemoCommand.self, SynthCommand.self, DataInspectCommand.self, ClipInfoCommand.self,
      ClipEmbedCommand.self, ClipTokenizeCommand.self, ClipPretrainCommand.self, ClipZeroShotCommand.self,
      PromptsCheckCommand.self, PromptsListCommand.self, PromptsSheetCommand.self, TrainCommand.self,
      EvaluateCommand.self, LosoCommand.self, AblateCommand.self, ReportCommand.self, PredictCommand.self,
      ExplainCommand.self, MetricsCommand.self, BenchCommand.self,
    ]
  }

  static func main() {
    Machine.keepFreedMemory()
    exit(run(Array(CommandLine.arguments.dropFirst())))
  }

  private static func run(_ words: [String]) -> Int32 {
    do {
      try dispatch(words)
      return 0
    } catch let error as UsageError {
      complain("\(error)")
      return 2
    } catch let error as Interruption {
      complain("\(error)")
      return 130
    } catch {
      complain("\(error)")
      return 1
    }
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data("mcdrl: \(text)\n".utf8))
  }

  private static func dispatch(_ words: [String]) throws {
    guard let first = words.first, first != "--help", first != "help" else {
      print(overview(subcommands))
      return
    }
    if first == "--version" {
      print("mcdrl \(version) (libtorch \(Machine.libtorchVersion))")
      return
    }
    // The longest name wins, so that `clip embed` is found before a `clip`.
    let found = subcommands.filter { type in
      words.starts(with: type.name.split(separator: " ").map(String.init))
    }
    .max { $0.name.count < $1.name.count }
    guard let command = found else {
      let family = subcommands.filter { $0.name.hasPrefix(first + " ") }
      guard family.isEmpty else {
        guard words.count == 1 || words[1] == "--help" else {
          throw UsageError(
            description: "\"\(first) \(words[1])\" is not a command; see mcdrl \(first) --help")
        }
        print(overview(family))
        return
      }
      throw UsageError(description: "\"\(first)\" is not a command; see mcdrl --help")
    }
    let rest = Array(words.dropFirst(command.name.split(separator: " ").count))
    if rest.contains("--help") {
      print(command.help)
      return
    }
    let arguments: Arguments
    do {
      arguments = try Arguments(rest, options: command.options + commonOptions)
      if let threads = try arguments.integer("threads", atLeast: 1) { try Machine.setThreads(threads) }
      if let device = try arguments.device(), device != .cpu, !command.choosesDevice {
        throw UsageError(description: "--device \(device): mcdrl \(command.name) computes on the cpu")
      }
    } catch let error as UsageError {
      throw UsageError(description: "\(error)\nusage: mcdrl \(command.name) \(command.usage)")
    }
    try command.run(arguments, Console(json: arguments.has("json"), quiet: arguments.has("quiet")))
  }

  private static func overview(_ commands: [any Subcommand.Type]) -> String {
    let width = (commands.map { $0.name.count }.max() ?? 0) + 2
    let lines = commands.map {
      "  " + $0.name.padding(toLength: width, withPad: " ", startingAt: 0) + $0.summary
    }
    return """
      mcdrl: causal-driven segmentation of medical images that holds at sites the model never saw

      usage: mcdrl COMMAND …

      \(lines.joined(separator: "\n"))

      mcdrl COMMAND --help shows a command's options; mcdrl --version the version.

      example:
        mcdrl train --data DATA --clip CLIP --hold-out SITE --out RUN
      """
  }
}
