import Foundation
import Storage
import Torch

/// `mcdrl report`.
enum ReportCommand: Subcommand {
  static let name = "report"
  static let summary = "write results.json, images.csv and report.html of a study again"
  static let usage = "DIR"
  static let example = "mcdrl report study"
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard arguments.positional.count == 1 else {
      throw UsageError(description: "give the folder of one study\nusage: mcdrl \(name) \(usage)")
    }
    let writer = try StudyWriter(reading: URL(fileURLWithPath: arguments.positional[0]))
    let lock = try FolderLock(writer.folder, option: "folder")
    defer { withExtendedLifetime(lock) {} }
    try writer.show(writer.write(writer.stored()), console)
  }
}
