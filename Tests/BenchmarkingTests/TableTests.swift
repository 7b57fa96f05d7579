import Testing

@testable import Benchmarking

@Suite struct TableTests {
  @Test func theTableSaysWhenOnWhatAndWithWhat() {
    let text = BenchmarkTable.markdown(exampleRecord())
    #expect(text.contains("Measured 2026-01-02T03:04:05Z on A processor, 4 cores, 2 threads"))
    #expect(text.contains("amx_bf16"))
    #expect(text.contains("mcdrl 0.1.0, torch 2.13.0"))
    #expect(text.contains("float32 160 GFLOP/s"))
  }

  @Test("Prose above the tables is broken at 100 columns, and no word is lost")
  func wrapped() {
    var record = exampleRecord()
    for index in 0..<30 { record.versions["package\(index)"] = "1.2.\(index)" }
    let lines = BenchmarkTable.markdown(record).split(separator: "\n")
    #expect(lines.allSatisfy { $0.hasPrefix("|") || $0.count <= 100 })
    let words = Set(lines.flatMap { $0.split(separator: " ") })
    for index in 0..<30 { #expect(words.contains("package\(index)")) }
  }

  @Test func aPeersRowHasItsRatioAndItsDifference() throws {
    let text = BenchmarkTable.markdown(exampleRecord())
    let row = try #require(text.split(separator: "\n").first { $0.contains("| transformers | float32") })
    #expect(row.contains("2.00 (2.00 – 2.00)"))
    #expect(row.contains("1.5e-06"))
    #expect(row.contains("25.00 ms/image"))
  }

  @Test func everyRowOfATableHasAsManyCellsAsItsHeading() {
    let tables = BenchmarkTable.markdown(exampleRecord()).components(separatedBy: "\n\n")
      .filter { $0.hasPrefix("|") }
    #expect(tables.map { $0.split(separator: "\n").count } == [3, 8])
    for table in tables {
      let counts = table.split(separator: "\n").map { row in
        row.replacing("\\|", with: "").filter { $0 == "|" }.count
      }
      #expect(Set(counts).count == 1)
    }
  }

  @Test func theQuickestPeerIsNamedBesideOurs() throws {
    let text = BenchmarkTable.markdown(exampleRecord())
    let row = try #require(text.split(separator: "\n").first { $0.contains("| transformers 200 ms |") })
    #expect(row.contains("mcdrl 100 ms"))
    #expect(row.contains("50 %"))
  }

  @Test func whatFailedIsSaidWithItsReason() {
    let text = BenchmarkTable.markdown(exampleRecord())
    #expect(text.contains("- openvino float32: ImportError: no module"))
  }

  @Test func theGeneratedPartOfAPageIsReplacedAndTheRestStays() {
    let record = exampleRecord()
    let first = BenchmarkTable.page([record], in: "# Speed\n")
    #expect(first.hasPrefix("# Speed\n"))
    var later = record
    later.date = "2027-01-01T00:00:00Z"
    let second = BenchmarkTable.page([later], in: first + "\nLast words.\n")
    #expect(second.contains("2027-01-01"))
    #expect(!second.contains("2026-01-02"))
    #expect(second.hasPrefix("# Speed\n"))
    #expect(second.hasSuffix("Last words.\n"))
    let both = BenchmarkTable.page([record, later], in: second)
    #expect(both.contains("2026-01-02") && both.components(separatedBy: "2027-01-01").count == 2)
  }

  @Test(arguments: [
    (12.34, "12.3 s"), (1.234, "1.23 s"), (0.1234, "123 ms"), (0.01234, "12.34 ms"), (0.0000123, "12.3 µs"),
  ])
  func timesHaveAFittingUnit(seconds: Double, text: String) {
    #expect(BenchmarkTable.time(seconds) == text)
  }

  @Test func sizesHaveAFittingUnit() {
    #expect(BenchmarkTable.size(512 * 1_048_576) == "512 MiB")
    #expect(BenchmarkTable.size(1.5 * 1024 * 1_048_576) == "1.50 GiB")
  }
}
