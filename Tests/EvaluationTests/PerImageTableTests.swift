import Evaluation
import Foundation
import Testing

@Suite struct PerImageTableTests {
  static let header =
    "site,image,dice,iou,accuracy,precision,recall,specificity,hd95,asd,nsd,nsd_tolerance,"
    + "reference_share,reference_empty,prediction_empty\r\n"

  @Test func writesUndefinedScoresAsEmptyFields() throws {
    var table = PerImageTable(labels: ["site", "image"])
    try table.append(["c1", "a.png"], ScoreTests.scores("0000", "0100", tolerance: 2))
    #expect(table.csv == Self.header + "c1,a.png,0.0,0.0,0.75,,0.0,1.0,,,0.0,2.0,0.25,false,true\r\n")
  }

  @Test func quotesWhatNeedsQuotes() throws {
    var table = PerImageTable(labels: ["site", "image"])
    try table.append(["a \"big\", one", "two\r\nlines"], ScoreTests.scores("1", "1", tolerance: 0))
    #expect(
      table.csv == Self.header
        + "\"a \"\"big\"\", one\",\"two\r\nlines\",1.0,1.0,1.0,1.0,1.0,,0.0,0.0,1.0,0.0,1.0,false,false\r\n")
  }

  @Test func refusesLabelsThatDoNotFit() throws {
    var table = PerImageTable()
    let scores = try ScoreTests.scores("1", "1")
    #expect(throws: MetricError.labelCount(expected: ["image"], found: ["c1", "a"])) {
      try table.append(["c1", "a"], scores)
    }
    #expect(table.csv.split(separator: "\r\n").count == 1)
  }

  @Test func writesAFileOrNamesIt() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let file = folder.appendingPathComponent("images.csv")
    let table = PerImageTable(labels: ["site", "image"])
    let error = #expect(throws: MetricError.self) { try table.write(to: file) }
    #expect(error?.description.contains(file.path) == true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try table.write(to: file)
    #expect(try String(contentsOf: file, encoding: .utf8) == Self.header)
  }
}
