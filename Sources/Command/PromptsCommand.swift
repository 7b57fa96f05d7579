import Confounders
import Foundation
import Storage
import Torch

/// The command `mcdrl prompts check`.
enum PromptsCheckCommand: Subcommand {
  static let name = "prompts check"
  static let summary = "find the faults of prompt files, and print their sentences"
  static let example = "mcdrl prompts check Prompts/fundus.json5 --clip clip-vit-base-patch16"
  static let options = Options()
  static let operands = [
    Operand.oneOrMore(
      "FILE", "a prompt file, such as endoscopy", "prompt files, or names of mcdrl prompts list")
  ]

  struct Options: OptionGroup {
    let clip = Shared.clip.optional(nil).saying("also check that each sentence fits the window of this CLIP")
  }

  /// The faults of one file.
  ///
  /// Counts and sentences are present if the file can be read.
  private struct Report: Encodable {
    let file: String
    var modality: String?
    var classes: Int?
    var confounders: Int?
    var groups: [PromptSet.Group]?
    var sentences: [Sentence]?
    var window: Int?
    var faults: [PromptFault] = []
  }

  private struct Sentence: Encodable {
    let kind: PromptSet.Sentence.Kind
    let text: String
    let tokens: Int?
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let clip = try arguments.clip.map(clipWords)
    let files = try arguments.operands.map { try (path: $0, file: ProjectFiles.prompts($0)) }
    let reports = files.map { path, file in
      var report = Report(file: path, window: clip?.window)
      do {
        let prompts = try PromptSet(contentsOf: file)
        report.modality = prompts.modality
        (report.classes, report.confounders) = (prompts.classes.count, prompts.confounders.count)
        report.groups = prompts.groups
        report.sentences = prompts.sentences.map { sentence in
          Sentence(
            kind: sentence.kind, text: sentence.text,
            tokens: clip?.tokenizer.encode(sentence.text, window: .max).count)
        }
        if let clip { report.faults = prompts.faults(tokenizer: clip.tokenizer, window: clip.window) }
      } catch let error as PromptError {
        report.faults = error.faults
      } catch FileError.cannotRead(_, let reason) {
        report.faults = [PromptFault(reason: "cannot be read: \(reason)")]
      } catch FileError.isFolder {
        report.faults = [PromptFault(reason: "is a folder; give a file")]
      } catch FileError.notRegular {
        report.faults = [PromptFault(reason: "is not a regular file; give a file")]
      } catch {
        report.faults = [PromptFault(reason: "\(error)")]
      }
      return report
    }
    if console.json { try console.result(json: reports) } else { reports.forEach { show($0, console) } }
    let bad = reports.filter { !$0.faults.isEmpty }.map { PromptError(file: $0.file, faults: $0.faults) }
    if !bad.isEmpty { throw WorkError.prompts(bad) }
  }

  private static func show(_ report: Report, _ console: Console) {
    guard let modality = report.modality, let groups = report.groups, let sentences = report.sentences,
      let classes = report.classes, let confounders = report.confounders
    else { return }
    console.result(
      "\(report.file): \(modality), K = \(classes) classes, M = \(confounders) confounders in "
        + "\(groups.count) groups")
    for group in groups {
      console.result("  \(group.name): \(group.confounders.map(\.name).joined(separator: ", "))")
    }
    for kind in PromptSet.Sentence.Kind.allCases {
      let texts = sentences.filter { $0.kind == kind }.map(\.text)
      console.result("\(kind.rawValue) (\(texts.count))")
      for text in texts { console.result("  \(text)") }
    }
    if let window = report.window, let longest = sentences.compactMap(\.tokens).max() {
      console.result("the longest sentence has \(longest) of \(window) tokens")
    }
  }
}

/// The command `mcdrl prompts list`.
enum PromptsListCommand: Subcommand {
  static let name = "prompts list"
  static let summary = "list the prompt files of the project; other commands take their names"
  static let example = "mcdrl prompts list"
  static let options = NoOptions()

  private struct Pack: Encodable {
    let name: String
    let file: String
    let modality: String
    let classes: [String]
    let confounders: Int
    let groups: [String]
  }

  static func run(_ arguments: Arguments<NoOptions>, _ console: Console) throws {
    let packs = try ProjectFiles.promptFiles().map { file in
      let prompts = try PromptSet(contentsOf: file)
      return Pack(
        name: ProjectFiles.promptsName(of: file), file: file.path, modality: prompts.modality,
        classes: prompts.classes,
        confounders: prompts.confounders.count, groups: prompts.groups.map(\.name))
    }
    if console.json { return try console.result(json: packs) }
    console.result(
      Console.table(
        ["name", "modality", "classes", "confounders", "groups", "file"],
        packs.map {
          [$0.name, $0.modality, "\($0.classes.count)", "\($0.confounders)", "\($0.groups.count)", $0.file]
        }))
  }
}
