import TestSupport
import Testing

/// The C kernels beside plain loops in double precision, on this processor and as on others.
@Suite struct ProcessorTests {
  @Test("scripts/check-processors finds all kernels right; it names what it skips")
  func kernelsAreRight() throws {
    let (code, text) = try Project.run("scripts/check-processors")
    #expect(code == 0, "\(text)")
    print(text)
  }
}
