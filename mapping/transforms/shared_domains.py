"""Domains that say nothing of who somebody works for: of free mailboxes, and of pages that many companies have.

The best known ones; a company that names one as its own has no domain to us. HubSpot keeps a list of some thousands for
its forms: https://knowledge.hubspot.com/forms/what-domains-are-blocked-when-using-the-forms-email-domains-to-block-feature
"""

from __future__ import annotations

_MAIL = """
126.com 139.com 163.com 189.cn 21cn.com aim.com alice.it aliceadsl.fr aliyun.com aol.co.uk aol.com aol.de aol.fr arcor.de
att.net bellsouth.net bigmir.net bigpond.com bigpond.net.au bk.ru blueyonder.co.uk bluewin.ch bol.com.br btinternet.com
btopenworld.com centrum.cz charter.net club-internet.fr comcast.net cox.net daum.net dbmail.com duck.com earthlink.net
email.com email.cz email.de embarqmail.com eircom.net fastmail.com fastmail.fm foxmail.com free.fr freemail.hu freenet.de
frontier.com frontiernet.net gawab.com globo.com globomail.com gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.fr gmx.net
gmx.us googlemail.com hanmail.net hey.com hispeed.ch hotmail.be hotmail.ch hotmail.co.jp hotmail.co.uk hotmail.com
hotmail.com.ar hotmail.com.br hotmail.de hotmail.es hotmail.fr hotmail.it hotmail.nl hotmail.se hush.com hushmail.com
i.ua icloud.com ig.com.br inbox.com inbox.lv inbox.ru indiatimes.com iinet.net.au interia.pl on.net iol.ie
iol.it juno.com kpnmail.nl laposte.net libero.it libertysurf.fr list.ru live.at live.be live.ca live.ch live.cn
live.co.uk live.com live.com.au live.com.mx live.de live.dk live.fr live.ie live.it live.nl live.no live.se lycos.com
mac.com mail.bg mail.com mail.de mail.ru mailbox.org mailfence.com me.com mindspring.com msn.com mweb.co.za mynet.com
nate.com naver.com neuf.fr netcologne.de netcourrier.com netscape.net netzero.net nifty.com ntlworld.com numericable.fr
o2.pl o2online.de online.de online.no onet.pl optonline.net optusnet.com.au orange.fr otenet.gr outlook.at outlook.be
outlook.com outlook.com.br outlook.de outlook.dk outlook.es outlook.fr outlook.ie outlook.it outlook.jp ozemail.com.au
pandora.be planet.nl pm.me pobox.com posteo.de posteo.net proton.me protonmail.ch protonmail.com qq.com rambler.ru
rediffmail.com riseup.net roadrunner.com rocketmail.com rogers.com runbox.com sapo.pt sbcglobal.net seznam.cz sfr.fr
shaw.ca sina.cn sina.com skynet.be sky.com sohu.com sympatico.ca t-online.de t-online.hu talk21.com talktalk.net
telefonica.net telenet.be telia.com telus.net terra.com.br terra.es tin.it tiscali.co.uk tiscali.it tuta.com tuta.io
tutanota.com tutanota.de ukr.net uol.com.br usa.net verizon.net videotron.ca virgilio.it virgin.net virginmedia.com
vodafone.it volny.cz wanadoo.es wanadoo.fr web.de westnet.com.au windowslive.com wp.pl xs4all.nl xtra.co.nz ya.ru
yahoo.ca yahoo.cn yahoo.co.id yahoo.co.in yahoo.co.jp yahoo.co.kr yahoo.co.nz yahoo.co.th yahoo.co.uk yahoo.com
yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.hk yahoo.com.mx yahoo.com.ph yahoo.com.sg yahoo.com.tr
yahoo.com.tw yahoo.com.vn yahoo.de yahoo.dk yahoo.es yahoo.fr yahoo.gr yahoo.ie yahoo.in yahoo.it yahoo.no yahoo.pl
yahoo.ro yahoo.se yandex.by yandex.com yandex.kz yandex.ru yandex.ua yeah.net ymail.com zeelandnet.nl ziggo.nl zoho.com
zohomail.com zonnet.nl
"""

_PAGES = """
about.me behance.net bing.com bit.ly crunchbase.com etsy.com facebook.com fb.com fb.me g.page github.com goo.gl
google.com instagram.com linkedin.com linktr.ee medium.com meetup.com notion.so pinterest.com reddit.com
sites.google.com t.co tiktok.com tripadvisor.com tumblr.com twitter.com vimeo.com vk.com wa.me whatsapp.com wikipedia.org
wix.com wordpress.com x.com xing.com yelp.com youtu.be youtube.com
"""

SHARED = frozenset((_MAIL + _PAGES).split())
