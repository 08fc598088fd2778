//! Keys for tests only: they protect nothing.

use super::SigningKey;

/// An RSA key as `openssl genrsa -traditional 2048` writes it (PKCS#1).
pub(crate) const RSA_PKCS1_PEM: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAwmnpzfQqRSDIerOoN37cIftmxnEsUs8lrhXiMaszGC4WpHRy
KhHSMfwY54WH55LFDZSQR38IyPLql7W87aIUIKKFfApcQQqAykgxO/PAa5gz/kVO
R6jR/Gc6l7QCR0JxFlO8Yg1uw6W2kvHx4DuoxGYbA5UnW4F2xxZJSrYAoPJDDvuH
TiE6lODJ3GW72kVt65iSgifLim4Fj03xxte+CDwln5sNvK0O1lEmfdrVM47/ejzR
NGtl3S5gtGkVmAzH/JML5yE/6HiGsW3qObnP9kC8km5+tB7FV3FyGiera1/kzY0B
OYOguAeqHA/RDEVKJ/hqUPShhRKARMCFbIIzlQIDAQABAoIBAB4Sx6fD/BDu8gwn
A9+3yEIac0rBoXda00uTV4bS4oe8Q2TjnXBcCt2QD2MrAPultMU1xL7GjBuXlgnr
Q0MoJgBpW4g1SxGFmCgSVElfmpWaOPq9ik8j8n2ek035urt+r+MiB1tMlCSAGxau
hfmniOL+n3Glri2lwHOqAyLjNgQvSGhEpKbGvN/FWwAmr76ITVbm58VO5M3dEfXe
1+JedKirdxOajvoOS0njGAluyyLhrPnwrTtQaAQLPkx+LO1jLXXci+1ACPcIXgmp
vrJ0X3kTLccE4wIpu1ypPFUhKouj++KlXngizduqbnN/fZvIxBwlyFSK7/xyz/MU
dXXPLBkCgYEA657E6awny2cvpgs5jbbMhG2PM85o8JuDDIzadAFgxZ21V5/CcdVg
bhmXtkr5ya1RlqgPCkLv4IU5Qf8/t/I+r5RiGqubshw4i/h/xOyUSTPT6pmFwTNP
VIfDQeLMoQBPmVEaJE3iUK+sIbXHjLIK8kAFKviXMo6p1cPP8x44z90CgYEA0zq6
XvI/V1CimBjFNGBqzkCzAnAg9Pyru64OnXnzxAvaZusauTFwagLfGpFqMA2yecf9
9TSZZ5+Av9eMolAg0AbrcoqRdg8ibSBhlUiGD5buRDbfr8ifEc1//VyfHBl/mw8G
Uet6X7vjAFe9D9PNHizt3OxKqGHrLZPjMXNikxkCgYEAkUWv1P7+/isdtrue/aAi
UtgV/fQawZawYxGJMxMSbmVBRMhMo9DShq+i2ZM6lT0WW9Q8ibAhpAWf+u/8glaK
jcjn/9ekxFkgCDTr2iefec7JrxB+5lLTa6PVII9MaUv+x+G4Q3/9tI/LinFAmp+/
ngMY7Jie6F4LmrADS7trfcUCgYAyeEbNpt4hk7+1zb1Y3WzHqUfcXkRRpQm3h0gw
slHfVuGxU52IAFsWyWbbZ0FTCALL/FAexZmd28ucivksUy7z5aNeM+O7rLQSFPmb
/L8jfHGj1OSvkKUJUOuy8u2FfkYyG23sJvKPa0o667vdy0KoYh3XepIAF51kv4A6
cZJtCQKBgCWsjYQRnSRkENhV6UrE2igbpgwNR/ePx9SK617VcQO6hqKB4MKUDnPp
pla8huCs31P7obKWtyLqtnM+nhIpT9nDA+0NNlgtz5Cu/LQCJiSk1FV/Fe1h7FBB
8WaHuj3UkavSUIpW8rjdzPSQIsBmPK5/EEpbihL9bKjBuumNOD/C
-----END RSA PRIVATE KEY-----
";

/// Too short to be used.
pub(crate) const RSA_1024_PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAMOuj39WwyOm59yU
pYCImZqG6NSed7dLh8R+9zGgmvxvq4YGJ7u5355CIsgYB9ps+Vd3lwXdGJTkaALv
yycSw0irw5ECZHlCn9uhNJ8Stw253vDeJraGceSJaQGR/LPhPqEvYhIX4er1DcLz
a/fpOUwpD+joe3cJO+qQoORg9N+vAgMBAAECgYEAj5gdPTiR4iusobWC7ZtP/JFb
cgsHlr4aVxtEkmpk0TGxEJybs6pmal/l3iekO6kUIBdl/6uLSleB7AXDclzWZ8hA
PTAaQoW0FxGqShgLVWpW/8FPpawpZV3GZW9lnpB3ptOocTbCiKX6oEaV2LpeAj7+
XKEvnl4MANAzMW3lfWECQQDvvsR9xmw3FdkZd9WafA6ClOh3Kg1lr3Eal9kglZ9m
MhDmZpzrhTd6a3PzeYg43ZctJHr7hqnYBzjdkU7FIvbzAkEA0PL9neUBRT/NI/mJ
LNN3BSShyr7gCtrCQyBDj2M3MpmhXYiPAV+03D4oaUqG8G8kzpsdsqJ8rSMR61ZE
VE3bVQJAWz0BcFBMLKaO6YdWbiVaLE3ZLkh9sr4S0CkLw7/NWsog7l4MyAD5vQgZ
p4YP1nxWJSLl/sUf7AvLk17SWGnXCwJAY1y56CTnhsPBTLM0XUGuHp795UkBh4fh
y0QDfKNEs2ZFSxJOVuvpOLbCRteu9ZUU3r76z2DfgwHjWpMqaSChBQJBAIGSLjo5
FoRVpWoWSZImYE5XepqjWKuTZuHp4XCuTrW4GhkjR5abuYjaDlp1xbfN/T+kJ5/B
r/cJdsfE0RtlnL8=
-----END PRIVATE KEY-----
";

pub(crate) fn rsa() -> SigningKey {
    SigningKey::from_pem(RSA_PKCS1_PEM).unwrap()
}

pub(crate) fn ed25519() -> SigningKey {
    SigningKey::ed25519_from_seed([5; 32]).unwrap()
}
