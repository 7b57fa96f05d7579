import Foundation
import Testing

@testable import Command

@Suite("Options")
struct OptionTests {
  /// One option of each kind, some of them in a group within.
  private struct Sample: OptionGroup {
    struct Inner: OptionGroup {
      let share = Option.value("share", "P", .probability, default: 0.25, "a share")
    }
    enum Colour: String, CaseIterable { case red, green }

    let out = Option.required("out", "DIR", .file, "a folder")
    let count = Option.value("count", "N", .integer(atLeast: 1, atMost: 9), default: 3, "a number")
    let limit = Option.optional("limit", "N", .integer(), otherwise: 7, "a limit")
    let inner = Inner()
    let colours = Option.commas(
      "colours", "NAME", .choice(of: Colour.self), default: [.red, .green], "some colours")
    let files = Option.spaces("files", "FILE", .text, "some files")
    let quick = Option.flag("quick", "less work")
    let size = Option.value("size", "BYTES", .bytes, default: 4 << 30, "a size")
  }

  private func parse(_ words: [String], _ operands: [Operand] = []) throws -> Arguments<Sample> {
    try Arguments(
      words, Sample(), common: CommonOptions(choosesDevice: false), operands: operands)
  }

  /// The message of a command line that must be refused.
  private func refusal(_ words: [String], _ operands: [Operand] = []) -> String? {
    do {
      _ = try parse(words, operands)
      return nil
    } catch let error as UsageError { return "\(error)" } catch { return nil }
  }

  @Test("Without an option its default holds, and the help says the same value")
  func defaults() throws {
    let arguments = try parse(["--out", "o"])
    #expect(try arguments.count == 3 && arguments.inner.share == 0.25 && arguments.limit == nil)
    #expect(try arguments.colours == [.red, .green] && arguments.files.isEmpty && !arguments.quick)
    #expect(try arguments.size == 4 << 30 && arguments.common.seed == 0 && !arguments.common.json)
    #expect(try arguments.given(\.count) == nil && arguments.written(\.count) == nil)
    let remarks = Sample().declarations.map(\.remark)
    #expect(remarks == ["required", "3", "7", "0.25", "red,green", nil, nil, "4GiB"])
    #expect(Sample().declarations.map(\.isRequired) == [true] + Array(repeating: false, count: 7))
  }

  @Test("Values are typed; lists take commas or spaces and may be repeated; both ways of writing are read")
  func values() throws {
    let arguments = try parse([
      "--out=o=p", "--count", "9", "--share", "1", "--colours", "green", "--colours=red", "--files", "a", "b",
      "--quick", "--files=c", "d", "--size", "1.5kB", "--seed", "18446744073709551615",
    ])
    #expect(try arguments.out.relativePath == "o=p" && arguments.count == 9 && arguments.inner.share == 1)
    #expect(try arguments.colours == [.green, .red] && arguments.files == ["a", "b", "c", "d"])
    #expect(try arguments.quick && arguments.size == 1500 && arguments.common.seed == .max)
    #expect(try arguments.given(\.count) == 9 && arguments.written(\.count) == "--count 9")
    let minus = try parse(["--out", "-1", "--limit", "0"])
    #expect(try minus.out.relativePath == "-1" && minus.required(\.limit) == 0)
    #expect(throws: UsageError.self) { try parse(["--out", "o"]).required(\.limit) }
  }

  @Test("Words without an option are operands, and after -- every word is one")
  func operands() throws {
    let both = [Operand.one("RUN", "a run", ""), .oneOrMore("IMAGE", "images", "")]
    let arguments = try parse(["r", "--out", "o", "a", "-", "--", "--quick", "-b"], both)
    #expect(arguments.operands == ["r", "a", "-", "--quick", "-b"])
    #expect(refusal(["r", "--out", "o"], both) == "give a run and images")
    #expect(
      refusal(["r", "--out", "o", "s"], [.one("RUN", "a run", "")])?.contains("\"s\" belongs to no") == true)
    #expect(refusal(["--out", "o", "s"])?.contains("options only") == true)
    #expect(try parse(["--out", "o"], [.any("IMAGE", "images", "")]).operands.isEmpty)
  }

  @Test(
    "Every wrong command line is refused with the option and the fix",
    arguments: [
      (["--quick"], "--out is missing; add --out DIR"),
      (["--out"], "--out needs a value: DIR"),
      (["--out", "--quick"], "--out needs a value: DIR"),
      (["--out", ""], "--out : a path is needed"),
      (["--out", "o", "--out", "p"], "--out is given twice; give it once"),
      (["--quick=1"], "--quick takes no value"),
      (["--cuont", "1"], "--cuont is not an option here; did you mean --count?"),
      (["--co", "1"], "--co is not an option here; did you mean --count?"),
      (["--zebra"], "--zebra is not an option here; see --help"),
      (["-o", "x"], "-o is not an option here; see --help"),
      (["--out", "o", "--count", "10"], "--count 10: a whole number from 1 to 9 is needed"),
      (["--out", "o", "--count", "1.5"], "--count 1.5: a whole number from 1 to 9 is needed"),
      (["--out", "o", "--limit", "-1"], "--limit -1: a whole number of at least 0 is needed"),
      (["--out", "o", "--share", "1.1"], "--share 1.1: a number from 0 to 1 is needed"),
      (["--out", "o", "--share", "nan"], "--share nan: a number is needed"),
      (["--out", "o", "--size", "4 gigs"], "--size 4 gigs: a size is needed, such as 500MB, 4GiB or 0"),
      (
        ["--out", "o", "--colours", "red,gren"],
        "--colours gren is not known; use red or green; did you mean \"green\"?"
      ),
      (["--out", "o", "--colours", "red,red"], "--colours red,red: different values are needed"),
      (["--out", "o", "--colours", ","], "--colours ,: at least one value is needed"),
      (["--out", "o", "--seed", "-1"], "--seed -1: a whole number of at least 0 is needed"),
      (["--out", "o", "--threads", "0"], "--threads 0: a whole number of at least 1 is needed"),
      (
        ["--out", "o", "--device", "gpu"],
        "--device gpu: device \"gpu\" is not known; use cpu, cuda:0 or mps"
      ),
    ] as [([String], String)])
  func refusals(words: [String], message: String) { #expect(refusal(words) == message) }

  @Test("A default is written as it is read")
  func forms() throws {
    for bytes in [0, 1000, 1 << 10, 3 << 20, 16 << 30, 1 << 40] {
      #expect(try ValueForm<Int>.bytes.read(ValueForm<Int>.bytes.text(bytes)) == bytes)
    }
    for number in [0, 2, 0.5, 0.001, 1e-5, 1e12] {
      #expect(try ValueForm.number.read(ValueForm.number.text(number)) == number)
    }
    #expect(ValueForm.number.text(2) == "2" && ValueForm<Int>.bytes.text(16 << 30) == "16GiB")
    #expect(try ValueForm.spacing.read("0.5").y == 0.5 && ValueForm.spacing.read("1,2").y == 2)
    for wrong in ["0", "1,2,3", "a", ""] {
      #expect(throws: WrongValue.self) { try ValueForm.spacing.read(wrong) }
    }
  }

  @Test("A suggestion is a word that is near, begins as the word or ends with it; a far one is none")
  func suggestions() {
    let known = ["train", "data inspect", "--threads", "--threshold"]
    func suggestion(_ word: String) -> String { UsageError.suggestion(for: word, among: known) }
    #expect(suggestion("trian").contains("\"train\"") && suggestion("inspect").contains("data inspect"))
    #expect(suggestion("--thr").contains("--threads") && suggestion("--tresholds").contains("--threshold"))
    #expect(suggestion("xyzzy").isEmpty && suggestion("--").isEmpty && suggestion("").isEmpty)
  }
}
