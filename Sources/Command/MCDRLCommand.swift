import Foundation
import Segmentation
import Storage
import Torch

/// The entry point: finds and runs the subcommand, and converts errors to messages and exit codes.
///
/// Another package can call `main` with its own registry to add a method to the built-in ones.
public enum MCDRLCommand {
  /// The version of the package.
  static let version = packageVersion
  // `main` sets it once, before any other thread starts.
  nonisolated(unsafe) private(set) static var methods = MethodRegistry.builtIn
  static var subcommands: [any Subcommand.Type] {
    [
      DoctorCommand.self, DemoCommand.self, SynthCommand.self, DataInspectCommand.self,
      DataImportCommand.self, DataExportCommand.self,
      ClipInfoCommand.self, ClipEmbedCommand.self, ClipTokenizeCommand.self, ClipPretrainCommand.self,
      ClipZeroShotCommand.self,
      PromptsCheckCommand.self, PromptsListCommand.self, PromptsSheetCommand.self,
      PromptsSuggestCommand.self, TrainCommand.self, EnsembleCommand.self, TuneCommand.self,
      CalibrateCommand.self, EvaluateCommand.self, CompareCommand.self, LosoCommand.self,
      AblateCommand.self, ReportCommand.self, CardCommand.self, PredictCommand.self, ExplainCommand.self,
      ReviewCommand.self, ReviewServeCommand.self, ReviewApplyCommand.self, ReviewAgreementCommand.self,
      MetricsCommand.self, BenchCommand.self,
    ]
  }

  /// Runs the command line of this process and ends the process with its exit code.
  ///
  /// - Parameter methods: the methods that settings may name.
  public static func main(methods: MethodRegistry = .builtIn) -> Never {
    StandardStreams.prepare()
    Self.methods = methods
    Machine.keepFreedMemory()
    exit(run(NativePath.arguments))
  }

  private static func run(_ words: [String]) -> Int32 {
    do {
      try dispatch(words)
      try StandardStreams.finish()
      return 0
    } catch let error as UsageError {
      complain(error)
      return 2
    } catch let error as Interruption {
      complain(error)
      return Interrupt.exitCode
    } catch let end as QuietEnd {
      return end.code
    } catch OutputError.closedPipe {
      return 1
    } catch {
      complain(error)
      return 1
    }
  }

  /// Prints an error, in the place of a progress line.
  static func complain(_ error: any Error) {
    Console(json: false, quiet: false).note("mcdrl: \(OptionAdvice.message(error))")
  }

  private static func dispatch(_ words: [String]) throws {
    switch words.first {
    case nil, "--help", "-h": return show(Help.overview(subcommands))
    case "help": return show(try help(Array(words.dropFirst())))
    case "--version": return show("mcdrl \(version) (libtorch \(Machine.libtorchVersion))")
    default: break
    }
    switch try subject(of: words) {
    case .family: show(try help(words))
    case .command(let command, let rest):
      // After `--` no word is an option.
      guard rest.prefix(while: { $0 != "--" }).contains(where: isHelp) else { return try command.call(rest) }
      show(Help(command: command).description)
    }
  }

  private static func show(_ text: String) { StandardStreams.write(result: text) }

  /// Returns the help of the commands that words name, such as `clip embed`, `clip`, or nothing.
  ///
  /// - Throws: `UsageError` that names a word which is no command.
  static func help(_ words: [String]) throws -> String {
    let words = words.filter { !isHelp($0) }
    guard !words.isEmpty else { return Help.overview(subcommands) }
    switch try subject(of: words) {
    case .family(let name, let commands): return Help.overview(commands, family: name)
    case .command(let command, []): return Help(command: command).description
    case .command(_, let rest): throw UsageError.unknownCommand(rest[0], known: [])
    }
  }

  private static func isHelp(_ word: String) -> Bool { word == "--help" || word == "-h" }

  /// The commands of a command line.
  private enum Subject {
    /// All commands with a first word, such as `clip`.
    case family(String, [any Subcommand.Type])
    /// One command, and the words after its name.
    case command(any Subcommand.Type, [String])
  }

  private static func subject(of words: [String]) throws -> Subject {
    // The longest name wins, so that `clip embed` is found before a `clip`.
    let found = subcommands.filter { words.starts(with: names($0)) }.max { names($0).count < names($1).count }
    if let found { return .command(found, Array(words.dropFirst(names(found).count))) }
    let first = words[0]
    let family = subcommands.filter { names($0).first == first && names($0).count > 1 }
    guard !family.isEmpty else {
      let known =
        subcommands.map(names).flatMap { [$0.joined(separator: " "), $0[0]] } + [
          "help", "--help", "--version",
        ]
      throw UsageError.unknownCommand(first, known: known)
    }
    guard words.count > 1, !isHelp(words[1]) else { return .family(first, family) }
    throw UsageError.unknownCommand(
      "\(first) \(words[1])", known: family.map { names($0).joined(separator: " ") })
  }

  private static func names(_ command: any Subcommand.Type) -> [String] {
    command.name.split(separator: " ").map(String.init)
  }
}
