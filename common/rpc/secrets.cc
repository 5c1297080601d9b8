#include "common/rpc/secrets.h"

#include <fstream>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/x509.h"

namespace armature {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

absl::Status Wrong(absl::string_view what, const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", path, ": ", why));
}

absl::StatusOr<std::string> Read(const std::string& path, absl::string_view what) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(what, " ", path, ": cannot be read"));
  std::ostringstream text;
  text << file.rdbuf();
  if (text.str().empty()) return Wrong(what, path, "is empty");
  return text.str();
}

Bio Open(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
}

std::vector<Certificate> Certificates(const std::string& pem) {
  std::vector<Certificate> certificates;
  const Bio bio = Open(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate, X509_free);
  }
  ERR_clear_error();  // The last read fails at the end of the file.
  return certificates;
}

std::string Date(const ASN1_TIME* time) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  ASN1_TIME_print(bio.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);  // NOLINT: OpenSSL's type.
  return std::string(text, static_cast<size_t>(size));
}

// Returns why a certificate is not valid now, else an empty string.
std::string WhyNotValid(const X509& certificate) {
  const ASN1_TIME* begin = X509_get0_notBefore(&certificate);
  const ASN1_TIME* end = X509_get0_notAfter(&certificate);
  if (X509_cmp_current_time(end) < 0) {
    return absl::StrCat("has expired on ", Date(end), "; make a new one");
  }
  if (X509_cmp_current_time(begin) > 0) {
    return absl::StrCat("is valid from ", Date(begin), " on only; is this machine's clock right?");
  }
  return "";
}

constexpr char kNoCertificate[] = "holds no certificate in PEM form";

// The first certificate is the process's own; the others form the chain to its authority.
absl::Status CheckOwn(const TransportOptions& options, const Secrets& secrets) {
  constexpr char kCertificate[] = "TLS certificate";
  const std::vector<Certificate> chain = Certificates(secrets.certificate);
  if (chain.empty()) return Wrong(kCertificate, options.tls_certificate, kNoCertificate);
  if (const std::string why = WhyNotValid(*chain.front()); !why.empty()) {
    return Wrong(kCertificate, options.tls_certificate, why);
  }
  // Never ask for a password on the terminal.
  auto no_password = [](char*, int, int, void*) { return 0; };
  const Key key(PEM_read_bio_PrivateKey(Open(secrets.key).get(), nullptr, no_password, nullptr),
                EVP_PKEY_free);
  const bool fits = key != nullptr && X509_check_private_key(chain.front().get(), key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr) {
    return Wrong("TLS key", options.tls_key, "holds no private key in PEM form without a password");
  }
  if (!fits) {
    return Wrong("TLS key", options.tls_key,
                 absl::StrCat("is not the key of the certificate ", options.tls_certificate));
  }
  return absl::OkStatus();
}

// One valid certificate is enough: the file may hold an old authority and its successor.
absl::Status CheckAuthority(const std::string& path, const std::string& pem) {
  std::string why = kNoCertificate;
  for (const Certificate& certificate : Certificates(pem)) {
    why = WhyNotValid(*certificate);
    if (why.empty()) return absl::OkStatus();
  }
  return Wrong("TLS authority", path, why);
}

}  // namespace

absl::StatusOr<Secrets> ReadSecrets(const TransportOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("TLS certificate and key: give both or neither");
  }
  if (options.token_suffices && options.token_file.empty()) {
    return absl::InvalidArgumentError("--token_suffices: there is no token; give --token_file");
  }
  Secrets secrets;
  for (const auto& [what, path, text] :
       {std::tuple("TLS certificate", &options.tls_certificate, &secrets.certificate),
        {"TLS key", &options.tls_key, &secrets.key},
        {"TLS authority", &options.tls_authority, &secrets.authority},
        {"token file", &options.token_file, &secrets.token}}) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> read = Read(*path, what);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  if (!options.token_file.empty()) {
    const std::vector<std::string> lines = absl::StrSplit(secrets.token, absl::ByAnyChar("\r\n"));
    secrets.token = lines[0];
    if (secrets.token.empty()) {
      return Wrong("token file", options.token_file, "its first line is empty");
    }
  }
  absl::Status status;
  if (!secrets.certificate.empty()) status = CheckOwn(options, secrets);
  if (status.ok() && !secrets.authority.empty()) {
    status = CheckAuthority(options.tls_authority, secrets.authority);
  }
  if (!status.ok()) return status;
  return secrets;
}

}  // namespace armature
