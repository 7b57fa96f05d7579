import Foundation
import Storage
import Torch

/// The command `mcdrl report`.
enum ReportCommand: Subcommand {
  static let name = "report"
  static let summary = "write results.json, images.csv and report.html of a study again"
  static let example = "mcdrl report study"
  static let options = NoOptions()
  static let operands = [
    Operand.one("DIR", "the folder of one study", "the --out of mcdrl loso or mcdrl ablate")
  ]

  static func run(_ arguments: Arguments<NoOptions>, _ console: Console) throws {
    let writer = try StudyWriter(reading: URL(fileURLWithPath: arguments.operands[0]))
    let lock = try OutputFolder.lock(writer.folder, console)
    defer { withExtendedLifetime(lock) {} }
    try writer.show(writer.write(writer.stored()), console)
  }
}
