import Confounders
import Foundation
import Storage
import Torch

/// `mcdrl prompts check`.
enum PromptsCheckCommand: Subcommand {
  static let name = "prompts check"
  static let summary = "what is wrong with prompt files, and every sentence they make"
  static let usage = "FILE… [--clip CLIP]"
  static let example = "mcdrl prompts check Prompts/fundus.json5 --clip clip-vit-base-patch16"
  static let options: [Option] = [.one("clip", "CLIP", "also whether sentences fit this CLIP's window")]

  /// What is found out about one file; counts and sentences are there when it can be read.
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

  /// The files that are bad, so that the exit code is 1.
  private struct BadFiles: Error, CustomStringConvertible {
    let description: String
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard !arguments.positional.isEmpty else {
      throw UsageError(description: "give a prompt file, such as Prompts/endoscopy.json5")
    }
    let clip = try arguments.last("clip").map(clipWords)
    let reports = arguments.positional.map { path in
      var report = Report(file: path, window: clip?.window)
      do {
        let prompts = try PromptSet(contentsOf: URL(fileURLWithPath: path))
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
      } catch {
        report.faults = [PromptFault(reason: "\(error)")]
      }
      return report
    }
    if console.json { try console.result(json: reports) } else { reports.forEach { show($0, console) } }
    let bad = reports.filter { !$0.faults.isEmpty }.map { PromptError(file: $0.file, faults: $0.faults) }
    if !bad.isEmpty { throw BadFiles(description: bad.map(\.description).joined(separator: "\n")) }
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

/// `mcdrl prompts list`.
enum PromptsListCommand: Subcommand {
  static let name = "prompts list"
  static let summary = "the prompt files that come with the project"
  static let usage = ""
  static let example = "mcdrl prompts list"
  static let options: [Option] = []

  private struct Pack: Encodable {
    let file: String
    let modality: String
    let classes: [String]
    let confounders: Int
    let groups: [String]
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let folder = try ProjectFiles.prompts(nil).deletingLastPathComponent()
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    let packs = try files.filter { $0.pathExtension == "json5" }.sorted { $0.path < $1.path }.map { file in
      let prompts = try PromptSet(contentsOf: file)
      return Pack(
        file: file.path, modality: prompts.modality, classes: prompts.classes,
        confounders: prompts.confounders.count, groups: prompts.groups.map(\.name))
    }
    if console.json { return try console.result(json: packs) }
    console.result(
      Console.table(
        ["file", "modality", "classes", "confounders", "groups"],
        packs.map {
          [$0.file, $0.modality, "\($0.classes.count)", "\($0.confounders)", "\($0.groups.count)"]
        }))
  }
}
