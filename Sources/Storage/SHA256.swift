import CKernels

/// SHA-256 (FIPS 180-4), for names that must not lead back to a short content.
package enum SHA256 {
  /// Returns the hash of bytes, 32 bytes.
  package static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var state = mcdrl_sha256()
    mcdrl_sha256_start(&state)
    Array(bytes).withUnsafeBufferPointer { mcdrl_sha256_add(&state, $0.baseAddress, $0.count) }
    var digest = [UInt8](repeating: 0, count: 32)
    mcdrl_sha256_finish(&state, &digest)
    return digest
  }

  /// Returns the hash of bytes as 64 hexadecimal digits.
  package static func text(_ bytes: some Collection<UInt8>) -> String {
    hash(bytes).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
