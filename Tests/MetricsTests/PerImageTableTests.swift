import Foundation
import Storage
import Metrics
import Testing
import TestSupport

@Suite struct PerImageTableTests {
  static let header =
    "site,image,dice,iou,accuracy,precision,recall,specificity,boundary_iou,hd95,hd95_percent,asd,asd_percent,nsd,"
    + "nsd_tolerance,distance_unit,lesions_found,lesions_missed,lesions_false,reference_share,reference_empty,"
    + "prediction_empty"

  @Test func writesUndefinedScoresAsEmptyFields() throws {
    var table = PerImageTable(labels: ["site", "image"])
    try table.append(["c1", "a.png"], ScoreTests.scores("0000", "0100", tolerance: 2))
    #expect(
      table.csv == Self.header
        + "\r\nc1,a.png,0.0,0.0,0.75,,0.0,1.0,0.0,,,,,0.0,2.0,px,0,1,0,0.25,false,true\r\n")
  }

  @Test func quotesWhatNeedsQuotes() throws {
    var table = PerImageTable(labels: ["site", "image"])
    try table.append(["a \"big\", one", "two\r\nlines"], ScoreTests.scores("1", "1", tolerance: 0))
    #expect(
      table.csv == Self.header
        + "\r\n\"a \"\"big\"\", one\",\"two\r\nlines\",1.0,1.0,1.0,1.0,1.0,,1.0,0.0,0.0,0.0,0.0,1.0,0.0,px,1,0,0,1.0,false,false\r\n"
    )
  }

  @Test func hasTheMeasuresOfThePolypProtocolWhenAsked() throws {
    var table = PerImageTable(labels: ["site", "image"], evaluation: .pranet)
    let reference = try BinaryMask("0110")
    let map = try ProbabilityMap(width: 4, height: 1, levels: [0, 255, 255, 0])
    let assessment = try ImageAssessment(probability: map, reference: reference, tolerance: 0)
    try table.append(["c1", "a"], assessment.scores, polyp: assessment.polyp.summary.all)
    try table.append(["c1", "b"], assessment.scores)
    let lines = table.csv.components(separatedBy: "\r\n")
    #expect(
      lines[0] == Self.header
        + ",mean_dice,mean_iou,weighted_f,s_measure,mean_e,max_e,mae,max_dice,max_iou")
    #expect(lines[1].hasSuffix(",0.0,1.0,1.0"))
    #expect(lines[2].hasSuffix(",false,false,,,,,,,,,"))
    #expect(
      lines.prefix(3).allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 31 })
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
    let error = #expect(throws: FileError.self) { try table.write(to: file) }
    #expect(error?.description.contains(file.path) == true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try table.write(to: file)
    #expect(try String(contentsOf: file, encoding: .utf8) == Self.header + "\r\n")
  }
}
